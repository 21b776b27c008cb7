"""Pace: what a sensor really sends, held against what a model can live with."""

from gateway.core.assets import Asset, ModelRung
from gateway.core.ladder import ModelState
from gateway.core.latest import Latest
from gateway.core.pace import INTERVALS, Pace
from gateway.core.paths import Path
from gateway.core.policy import Policy
from gateway.core.readings import Metric, Reading, Readings
from gateway.core.watch import Watch
from gateway.core.windows import Channel, Shape, Windows

HEAT = Metric("heat", "s", "d", Path.parse("heat"), asset="pump", unit="degF")


def watch(conversions=(), channel=None):
    shape = Shape((channel or Channel("t", "degC", hold_ms=3_000),), 1_000, 2)
    rung = ModelRung("m", channels={"t": "heat"})
    state = ModelState(
        rung, Windows(shape), lambda _s, held: (held, 0), "1", "ab", ("heat",),
        conversions=conversions,
    )  # fmt: skip
    asset = Asset("pump", "Pump", {"heat": HEAT}, ladder=(rung,))
    policy = Policy(asset, lambda: "id")
    return Watch(asset, Latest(asset.metrics, {}), policy, {"m": state}, 0)


def fed(subject, every_ms, count=INTERVALS + 1):
    for number in range(count):
        subject.take(Readings.of((Reading(HEAT, 212.0),)), number * every_ms, number * every_ms)
    return subject


def test_a_window_is_in_the_model_s_unit_and_what_is_shown_in_the_user_s():
    subject = fed(watch(((5 / 9, -160 / 9),)), 1_000)
    window = subject.models["m"].windows.latest()
    assert [round(value, 6) for value in window.values] == [100.0, 100.0]
    assert subject.latest.known("heat").value == 212.0


def test_without_conversions_values_are_taken_as_they_are():
    assert list(fed(watch(), 1_000).models["m"].windows.latest().values) == [212.0, 212.0]


def test_a_sensor_that_is_fast_enough_is_no_finding():
    assert fed(watch(), 3_000).slow() == []


def test_a_sensor_slower_than_the_hold_is_found_with_what_to_change():
    (found,) = fed(watch(), 10_000).slow()
    assert (found.channel, found.metric, found.expected_ms, found.found_ms) == (
        "t", "heat", 3_000, 10_000,
    )  # fmt: skip
    assert str(found).startswith(
        "asset pump: model m: channel 't': expected a value at least every 3s, found one every 10s;"
        " let the sensor of metric 'heat' report every 3s or more often"
    )


def test_little_evidence_is_no_finding():
    assert fed(watch(), 10_000, INTERVALS).slow() == []


def test_a_channel_with_a_fill_value_does_not_starve():
    optional = Channel("t", "degC", required=False, hold_ms=3_000, fill=20.0)
    assert fed(watch(channel=optional), 10_000).slow() == []


def test_one_lost_message_and_a_late_one_do_not_move_the_pace():
    pace = Pace()
    for at_ms in [0, 1, 2, 2, 3, 4, 60, 61, 5, 62, 63, 64, 65]:
        pace.note(at_ms)
    assert pace.interval_ms == 1
