"""What shipped packages say of their own limits: declared, computed as said, and of use."""

import json
import time
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.plant import Plant
from gateway.models.manifest import Manifest
from gateway.models.package import unpack, verify
from gateway.models.session import open_session
from gateway.models.watchdog import Watchdog
from scripts.train import bearing, plant, trust, turbofan

PACKAGES = Path(plant.OUT).parent
SHIPPED = sorted(path.name for path in PACKAGES.iterdir())


def manifest(name: str) -> Manifest:
    return verify(PACKAGES / name).manifest


@given(st.lists(st.floats(0, 100), min_size=10, max_size=200), st.sampled_from((0.5, 0.8, 0.9)))
def test_an_interval_covers_what_it_promises_and_one_more(residuals, coverage) -> None:
    width = trust.half_width(np.array(residuals), coverage)
    assert sum(one <= width for one in residuals) >= coverage * (len(residuals) + 1)


def test_too_few_residuals_promise_nothing() -> None:
    with pytest.raises(ValueError, match="4 residuals cannot promise"):
        trust.half_width(np.ones(4), 0.9)


def test_the_longest_standstill_counts_equal_rows_of_each_column() -> None:
    rows = np.array([[1, 1], [1, 2], [1, 3], [2, 3], [2, 4]], dtype=float)
    assert trust.standstill([rows, rows[:1]]) == [3, 2]
    assert trust.flatlines([rows], 0.5) == [4.5, 3.0]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_card_says_how_it_stands_disturbed_input(name) -> None:
    card = (PACKAGES / name / trust.CARD).read_text("utf-8")
    heading = "## Under disturbed input"
    if name == "streaming-anomaly":  # golden windows hold no state; docs/results.md has the table
        assert "Under disturbed input" in card
        return
    assert heading in card
    assert "| one channel says what is usual |" in card[card.index(heading) :]


def test_the_card_of_pump_anomaly_is_what_the_command_prints() -> None:
    found = trust.stress(plant.OUT, *plant.stressed())
    assert found in (plant.OUT / trust.CARD).read_text("utf-8")


def test_every_scalar_channel_that_never_rests_knows_when_its_sensor_is_dead() -> None:
    for name in ("pump-anomaly", "turbofan-rul"):
        assert all(one.flatline_ms for one in manifest(name).shape.channels)


def test_a_pump_that_does_not_run_is_not_judged_and_one_that_breaks_is() -> None:
    ood = manifest("pump-anomaly").trust.ood
    broken = Plant(11, wear_start_s=1.0)
    broken.step(60.0)
    row = broken.pumps["pump-7"].row
    assert row.wear > 1
    cells = [row.power, row.flow, row.temperature, row.vibration] * 8
    assert ood.outside(cells) == ""
    assert ood.outside([0.0, 0.0, 30.0, 0.0, *cells[4:]]).startswith("range power")


def test_wear_is_still_called_an_alarm_by_interval_and_limits() -> None:
    loaded = open_session(*unpack(plant.OUT), Watchdog(), time.monotonic() + 10)
    windows, labels = plant.stressed()
    scores = loaded.judge(windows, time.monotonic() + 10).scores
    found = loaded.package.manifest
    answers = [_answer(found, score, window) for score, window in zip(scores, windows, strict=True)]
    assert sum(one == wanted for one, wanted in zip(answers, labels, strict=True)) >= 198
    assert not any(one not in ("", wanted) for one, wanted in zip(answers, labels, strict=True))


def _answer(found: Manifest, score: float, window) -> str:
    if found.trust.ood and found.trust.ood.outside(window.ravel().tolist()):
        return ""
    decide = found.decision.decide
    if found.trust.conformal and found.trust.conformal.crosses(score, "normal", decide):
        return ""
    return decide(score)[0]


def test_an_engine_near_its_end_is_answered_and_one_about_the_level_is_not() -> None:
    found = manifest("turbofan-rul")
    conformal, decide = found.trust.conformal, found.decision.decide
    assert conformal.crosses(5.0, "normal", decide) == ""
    assert decide(5.0)[0] == "alarm"
    assert conformal.crosses(100.0, "normal", decide) == ""
    assert "alarm or normal" in conformal.crosses(found.decision.levels[0].on, "normal", decide)
    assert conformal.half(5.0) < conformal.half(50.0)


def test_each_dead_sensor_of_an_engine_is_refused_wherever_it_stands() -> None:
    """One that reads 0 or its end is out of range; within the range 14 sensors are too few."""
    found = manifest("turbofan-rul")
    golden = json.loads((turbofan.OUT / "golden.json").read_text("utf-8"))["windows"][0]
    usual = array("d", np.array(golden).ravel().tolist())
    assert found.trust.ood.outside(usual) == ""
    for column, channel in enumerate(found.shape.channels):
        for value in (0.0, found.trust.ood.limits[column][1] * 1.01):
            cells = array("d", usual)
            cells[column :: len(found.shape.channels)] = array("d", [value] * found.shape.length)
            assert found.trust.ood.outside(cells).startswith(f"range {channel.name}")


def test_a_bearing_is_called_healthy_or_damaged_only_outside_the_doubt() -> None:
    found = manifest("bearing-vibration")
    conformal, decide = found.trust.conformal, found.decision.decide
    level, half = found.decision.levels[0].on, conformal.q
    for score, silent in ((0.02, False), (level, True), (level - 0.9 * half, True), (0.95, False)):
        assert bool(conformal.crosses(score, "normal", decide)) is silent
    assert bearing.OUT.name == found.id
