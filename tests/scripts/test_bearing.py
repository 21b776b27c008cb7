"""The shipped ``bearing-vibration``, and what the docs say of real bearings."""

import time
from pathlib import Path

import numpy as np
import pytest

from gateway.models.package import unpack
from gateway.models.session import Session, open_session
from gateway.models.watchdog import Watchdog
from scripts.train import bearing, cwru

DOCS = Path(__file__).parents[2] / "docs/results.md"


def shipped() -> Session:
    return open_session(*unpack(bearing.OUT), Watchdog(), 10.0)


def ends(loaded: Session) -> tuple[float, float]:
    """Alarm from, normal up to: between them the model is silent."""
    conformal, level = loaded.package.manifest.trust.conformal, loaded.package.levels[0].on
    return level + conformal.q, level - conformal.q


def block(part: str, seed: int, severity: float = 10.0):
    samples = bearing.block(np.random.default_rng(seed), part, 1800.0, severity)
    return np.column_stack([samples, np.full(bearing.SAMPLES, 1800.0)])


def test_the_package_reproduces_its_golden_vectors_and_is_small() -> None:
    manifest = shipped().package.manifest
    assert manifest.input.vibration == bearing.SETTINGS
    assert manifest.files["model.onnx"].bytes < 600_000


@pytest.mark.parametrize("part", bearing.PARTS)
def test_most_blocks_of_a_damaged_bearing_are_called_damaged(part) -> None:
    loaded = shipped()
    blocks = np.stack([block(part, 9_000 + seed) for seed in range(20)])
    ill = loaded.judge(blocks, time.monotonic() + 10).scores
    quiet = np.stack([block("", 9_100 + seed) for seed in range(20)])
    well = loaded.judge(quiet, time.monotonic() + 10).scores
    alarm, _ = ends(loaded)
    assert np.mean(ill >= alarm) > 0.6
    assert np.mean(well >= alarm) < 0.1


def test_the_gain_of_the_sensor_does_not_count() -> None:
    one = block("outer", 9_200)
    loud = one * np.array([1_000.0, 1.0])
    judged = shipped().judge(np.stack([one, loud]), time.monotonic() + 10).scores
    assert judged[0] == pytest.approx(judged[1], abs=1e-4)


def test_a_dead_sensor_is_no_damage() -> None:
    loaded = shipped()
    dead = np.column_stack([np.zeros(bearing.SAMPLES), np.full(bearing.SAMPLES, 1800.0)])
    scores = loaded.judge(dead[np.newaxis], time.monotonic() + 10).scores
    assert scores[0] < ends(loaded)[0]


def test_a_shaft_that_turns_faster_than_in_training_is_not_judged() -> None:
    ood = shipped().package.manifest.trust.ood
    blocks = block("", 9_300)
    assert ood.outside(blocks.ravel().tolist()) == ""
    blocks[:, 1] = 3_600.0
    assert ood.outside(blocks.ravel().tolist()).startswith("range speed")
    blocks[:, 1], blocks[:, 0] = 1_800.0, 1e6
    assert ood.outside(blocks.ravel().tolist()) == ""  # a level of another sensor says nothing


def test_the_card_gives_the_figures_of_the_manifest_and_the_docs() -> None:
    found = str(shipped().package.manifest.provenance["judged"])
    assert found in (bearing.OUT / "MODEL_CARD.md").read_text("utf-8")
    assert found in DOCS.read_text("utf-8")


def test_a_kind_that_is_never_named_counts_0() -> None:
    truth = np.array(["B", "IR", "OR"])
    assert cwru.macro_f1(np.array(["B", "B", "B"]), truth) == pytest.approx((2 / 4) / 3)
    assert cwru.macro_f1(truth, truth) == 1


@pytest.mark.shared
@pytest.mark.slow
def test_the_docs_give_what_the_script_prints() -> None:
    pytest.importorskip("lightgbm")
    if not cwru.DATA.is_dir():
        pytest.skip("needs ../shared/data/cwru")
    blocks = cwru.load(cwru.DATA)
    text = DOCS.read_text("utf-8")
    assert cwru.naming(blocks) in text
    assert cwru.finding(blocks, bearing.OUT) in text
