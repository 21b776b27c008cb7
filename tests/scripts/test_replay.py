"""Rows go through a bridge and back unchanged; the protocol counts what it says it counts."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config, registry
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Uplink
from scripts.replay.configure import configuration
from scripts.replay.protocol import CALIBRATION_ROWS, score
from scripts.replay.publish import Grid, period_ms, select
from scripts.replay.wires import WIRES, Row
from scripts.train.datasets import SKAB, Run

NOW_MS = 1_790_000_000_000
VALUES = {name: 1.5 + i for i, (name, _) in enumerate(SKAB.values())}


def run(faulty: list[bool], name: str = "valve1-3") -> Run:
    flags = np.array([False] * CALIBRATION_ROWS + faulty)
    values = np.tile(list(VALUES.values()), (len(flags), 1))
    return Run(name, dict(SKAB.values()), values, flags, np.arange(len(flags)) * 1.0)


def alarms(flags: list[bool], before: bool = False) -> np.ndarray:
    return np.array([before] * CALIBRATION_ROWS + flags)


@pytest.mark.parametrize("kind", sorted(WIRES))
def test_a_row_comes_out_of_the_bridge_as_it_went_in(kind: str, tmp_path: Path) -> None:
    wire = WIRES[kind]
    text = configuration(
        [run([False])], wire, host="localhost", port=1883, package=None, store=tmp_path / "a.db"
    )
    (tmp_path / "gateway.yaml").write_text(text, "utf-8")
    settings = config.load(tmp_path / "gateway.yaml")
    bridge = registry.find("bridges", kind)("bench", settings.sources["bench"].settings)
    topic, payload = wire.publish(Row("valve1-3", 7, NOW_MS + 125, VALUES))
    message = Message("local", topic, payload, 1, False, False, NOW_MS, 5, 1)
    (uplink,) = [event for event in bridge.decode(message) if isinstance(event, Uplink)]
    metrics = list(settings.assets["valve1-3"].metrics.values())
    report = Mapper("bench", metrics).report(uplink, message)
    assert {r.metric.name: r.value for r in report.readings if r.metric.asset} == VALUES
    assert report.at_ms == (NOW_MS + 125 if wire.timed else NOW_MS)


@pytest.mark.parametrize("kind", sorted(WIRES))
def test_two_runs_are_two_devices(kind: str) -> None:
    device = WIRES[kind].device
    assert device("valve1-3") != device("valve2-3")


@given(st.integers(10**12, 2 * 10**12), st.integers(1, 5000), st.integers(0, 10**5))
def test_every_row_has_a_cell_of_its_own(now_ms: int, period: int, row: int) -> None:
    grid = Grid.starting(now_ms, period)
    assert grid.row(grid.stamp(row)) == row
    assert grid.stamp(row + 1) - grid.stamp(row) == period
    assert now_ms < grid.stamp(0) + period < now_ms + 5_000 + 2 * period


@pytest.mark.parametrize(("speed", "period"), [(1, 1000), (20, 50), (50, 20), (0.1, 10_000)])
def test_speed_is_a_whole_period(speed: float, period: int) -> None:
    assert period_ms(speed) == period


@pytest.mark.parametrize("speed", [3, 2000, 30])
def test_a_speed_without_a_whole_period_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="whole number"):
        period_ms(speed)


def test_an_unknown_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        select(tmp_path, ["valve1"])


def test_the_protocol_counts_rows_after_the_calibration() -> None:
    result = score(
        [run([False, False, True, True, False, False])],
        [alarms([False, True, False, True, True, False], before=True)],
    )
    assert (result.far, result.mar) == (0.5, 0.5)
    assert result.f1 == pytest.approx(2 / (2 + 2 + 1))
    assert (result.events, result.of, result.delay_s) == (1, 1, 1.0)
    assert result.onsets_per_h == pytest.approx(3600 / 4)


def test_an_alarm_that_never_ends_has_a_false_alarm_rate_of_one() -> None:
    result = score([run([False, True])], [alarms([True, True])])
    assert (result.far, result.mar, result.delay_s) == (1.0, 0.0, 0.0)


def test_one_row_of_a_fault_does_not_stand_for_the_others() -> None:
    result = score([run([True] * 100)], [alarms([True] + [False] * 99)])
    assert result.events == 1
    assert result.mar == 0.99


def test_silence_finds_nothing() -> None:
    result = score([run([False, True])], [alarms([False, False])])
    assert (result.f1, result.events) == (0.0, 0)
    assert math.isnan(result.delay_s)
