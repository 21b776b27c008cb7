import pytest

from gateway.core.assets import Asset, ModelRung
from gateway.core.calibration import Calibration
from gateway.core.ladder import ModelState
from gateway.core.paths import Path
from gateway.core.readings import Metric
from gateway.core.recalibration import LEAST, learn, rows, summary
from gateway.core.rules import parse
from gateway.core.windows import Channel, Shape, Windows

PUMP = Asset("pump", "Pump", {})
SHAPE = Shape((Channel("flow", "l/min"), Channel("power", "W")), 1_000, 5, 3)


def state():
    return ModelState(
        ModelRung("m"), Windows(SHAPE), lambda score, _: ("normal", score), "1", "ab",
        ("water", "power"), Calibration(400, 2),
    )  # fmt: skip


def history(count):
    for row in range(count):
        yield row * 1_000, "water", 30.0 + row % 3
        yield row * 1_000 + 10, "power", 5.0 + row % 2
        yield row * 1_000 + 20, "unmapped", 99.0


def test_every_whole_row_of_a_history_counts_whatever_the_window_and_its_stride():
    found = list(rows(history(30), state(), PUMP))
    assert len(found) == 30
    assert found[:2] == [(30.0, 5.0), (31.0, 6.0)]


def test_rows_of_a_machine_that_stood_still_are_left_out():
    names = ("water", "power")
    metrics = {name: Metric(name, "plc", "pump", Path.parse(name), asset="pump") for name in names}
    busy = Asset("pump", "Pump", metrics, running=parse("power > 5"))
    found = list(rows(history(30), state(), busy))
    assert len(found) == 15
    assert {power for _, power in found} == {6.0}


def test_a_row_with_a_gap_is_left_out():
    lone = [(at_ms, name, value) for at_ms, name, value in history(3) if name == "water"]
    assert list(rows(lone, state(), PUMP)) == []


def test_a_learnt_calibration_is_the_next_one_and_survives_as_text():
    whole = list(rows(history(60), state(), PUMP))
    made = learn(whole, Calibration(400, 2), "last 60 rows")
    assert (made.number, made.ready, made.rows) == (2, True, 60)
    again = Calibration.from_json(made.to_json(), 400, 2)
    assert (again.number, again.source, again.mean, again.sd) == (
        2,
        "last 60 rows",
        made.mean,
        made.sd,
    )
    assert summary(again, ("flow", "power"))["channels"] == {
        "flow": {"mean": pytest.approx(31.0), "sd": made.sd[0]},
        "power": {"mean": pytest.approx(5.5), "sd": made.sd[1]},
    }


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="19 whole rows"):
        learn([(1.0, 2.0)] * (LEAST - 1), Calibration(400, 2), "")


def test_an_automatic_calibration_of_another_length_starts_anew():
    made = Calibration(60, 2)
    made.add((1.0, 2.0))
    assert Calibration.from_json(made.to_json(), 400, 2).seen == 0
