"""The shipped ``turbofan-rul`` is what its script and the docs say it is."""

import time
from pathlib import Path

import numpy as np
import pytest

from gateway.models.package import unpack, verify
from gateway.models.session import Session, open_session
from gateway.models.watchdog import Watchdog
from scripts.train import turbofan, turbofan_life
from scripts.train.datasets import runs

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data/cmapss"


def shipped() -> Session:
    return open_session(*unpack(turbofan.OUT), Watchdog(), 10.0)


def test_the_package_reproduces_its_golden_vectors_and_is_small() -> None:
    manifest = shipped().package.manifest
    assert manifest.input.features == "stats"
    assert manifest.input.names[:2] == ("sensor_2.last", "sensor_2.mean")
    assert manifest.files["model.onnx"].bytes < 600_000


def test_the_card_and_the_manifest_give_the_same_figures() -> None:
    found = str(verify(turbofan.OUT).manifest.provenance["unseen"])
    assert found in (turbofan.OUT / "MODEL_CARD.md").read_text("utf-8")


@pytest.mark.shared
def test_the_docs_give_the_figures_of_the_shipped_graph() -> None:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data/cmapss")
    engines = [turbofan_life.engine(run) for run in runs(DATA / "test_FD001.csv.gz")]
    windows = np.stack([one.windows[-1] for one in engines])
    judged = shipped().judge(windows, time.monotonic() + 10)
    assert not judged.refused
    truth = np.loadtxt(DATA / "RUL_FD001.txt")
    clipped = turbofan_life.rmse(judged.scores, np.minimum(truth, turbofan_life.CLIP))
    assert clipped <= 12.4
    row = f"| **{clipped:.2f}** | {turbofan_life.rmse(judged.scores, truth):.2f} |"
    assert row in (ROOT / "docs/results.md").read_text("utf-8")


@pytest.mark.shared
@pytest.mark.slow
def test_training_again_gives_the_golden_outputs() -> None:
    pytest.importorskip("lightgbm")
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data/cmapss")
    engines = [turbofan_life.engine(run) for run in runs(DATA / "train_FD001.csv.gz")]
    again = turbofan_life.predict(turbofan_life.fit(engines), engines[0].features)
    judged = shipped().judge(engines[0].windows, time.monotonic() + 10)
    assert judged.scores == pytest.approx(again, abs=0.05)
