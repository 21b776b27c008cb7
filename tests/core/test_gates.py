from math import sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Asset
from gateway.core.gates import PINNED, Gates
from gateway.core.latest import Latest
from gateway.core.messages import DEAD, Quality, Reason
from gateway.core.paths import Path
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.rules import parse


def metric(name="t", **limits):
    return Metric(name, "s", "d", Path.parse(name), asset="pump", **limits)


def report(at_ms, *readings):
    made = tuple(one if len(one) == 3 else Reading(*one) for one in readings)
    return Report("s", "d", Readings.of(Reading(*one) for one in made), at_ms, at_ms, at_ms)


def site(*metrics, cross=(), flatlines=None):
    asset = Asset("pump", "Pump", {one.name: one for one in metrics}, cross=cross)
    return Gates([asset], flatlines)


def reasons(gates, one, values, every_ms=1_000):
    """The reasons of values that come one by one; a pair brings its own reason."""
    found = []
    for i, value in enumerate(values):
        given = value if isinstance(value, tuple) else (value, Reason.OK)
        (judged,) = gates.judge(report(i * every_ms, (one, *given))).readings
        found.append(judged.reason.value)
    return found


def test_a_spike_is_suspect_and_what_follows_is_good():
    t = metric(max_rate=1.0)
    assert reasons(site(t), t, [20, 20.5, 90, 20.7, 21]) == ["ok", "ok", "rate", "ok", "ok"]


def test_a_jump_that_stays_becomes_the_level():
    t = metric(max_rate=1.0)
    assert reasons(site(t), t, [20, 90, 90.2, 90.4, 90.1]) == ["ok", "rate", "rate", "ok", "ok"]


def test_a_jump_to_one_value_waits_for_the_time_that_allows_it():
    t = metric(max_rate=10.0)
    assert reasons(site(t), t, [50] + [0] * 6) == ["ok"] + ["rate"] * 4 + ["ok"] * 2


def test_jumps_that_do_not_agree_do_not_become_the_level():
    t = metric(max_rate=1.0)
    values = [20] + [90, 40] * 5
    assert set(reasons(site(t), t, values)[1:]) == {"rate"}


def test_the_longer_the_silence_the_farther_a_value_may_have_gone():
    t = metric(max_rate=1.0)
    assert reasons(site(t), t, [20, 60], every_ms=40_000) == ["ok", "ok"]
    assert reasons(site(t), t, [20, 60], every_ms=39_000) == ["ok", "rate"]


def test_readings_that_were_held_up_together_are_not_a_jump():
    t = metric(max_rate=1.0)
    assert reasons(site(t), t, [20, 20.9, 21.8], every_ms=2) == ["ok", "ok", "ok"]


def test_a_time_axis_that_went_back_is_no_jump():
    t = metric(max_rate=1.0)
    gates = site(t)
    gates.judge(report(1_000_000, (t, 20.0)))
    (judged,) = gates.judge(report(5_000, (t, 90.0))).readings
    assert judged.reason is Reason.OK


def test_the_same_value_for_too_long_is_a_dead_sensor_until_it_moves():
    t = metric(flatline_ms=3_000)
    expected = ["ok"] * 3 + ["flatline"] * 2 + ["ok"]
    assert reasons(site(t), t, [7.0] * 5 + [7.1]) == expected


def test_a_rare_repeat_is_no_flatline_before_the_third():
    t = metric(flatline_ms=3_000)
    assert reasons(site(t), t, [7.0] * 3, every_ms=10_000) == ["ok", "ok", "flatline"]


def test_what_a_bridge_repeats_from_its_cache_is_no_evidence_of_a_flatline():
    t = metric(flatline_ms=3_000)
    repeats = [7.0] + [(7.0, Reason.CACHED)] * 20
    assert set(reasons(site(t), t, repeats)[1:]) == {"cached"}
    assert reasons(site(t), t, [*repeats, 7.0])[-1] == "ok"


def test_a_package_knows_a_flatline_and_the_users_word_wins():
    t, other = metric(), metric(flatline_ms=60_000)
    assert reasons(site(t, flatlines={"pump/t": 2_000}), t, [7.0] * 3)[-1] == "flatline"
    assert reasons(site(other, flatlines={"pump/t": 2_000}), other, [7.0] * 3)[-1] == "ok"


@pytest.mark.parametrize("end", [0.0, -3.0, 100.0, 101.0])
def test_a_value_at_an_end_of_the_sensor_is_stuck_from_the_third_on(end):
    t = metric(rail=(0.0, 100.0))
    expected = ["ok"] * PINNED + ["rail"] * 2 + ["ok", "ok"]
    assert reasons(site(t), t, [50.0] + [end] * 4 + [50.0, end]) == expected


def test_a_sensor_that_drops_to_its_end_never_slips_between_two_gates():
    for rate in (1.0, 20.0, 30.0, 49.0):
        t = metric(max_rate=rate, rail=(0.0, 100.0))
        assert "ok" not in reasons(site(t), t, [50.0] + [0.0] * 10)[1:]


def test_the_first_gate_in_the_order_gives_the_reason():
    t = metric(max_rate=15.0, flatline_ms=3_000, rail=(0.0, 100.0))
    found = reasons(site(t), t, [50.0, 0.0, 0.0, 0.0, 0.0])
    assert found == ["ok", "rate", "rate", "rate", "flatline"]


def test_a_reading_that_is_not_good_passes_through_and_changes_nothing():
    t = metric(max_rate=1.0, flatline_ms=2_000)
    values = [20.0, (900.0, Reason.RANGE), ("off", Reason.TYPE), (20.5, Reason.LATE), 20.6]
    assert reasons(site(t), t, values) == ["ok", "range", "type", "late", "ok"]


def test_a_report_without_gates_is_handed_through_untouched():
    t = metric()
    one = report(0, (t, 20.0))
    assert site(t).judge(one) is one


def test_a_broken_cross_rule_makes_all_it_names_suspect_until_they_agree_again():
    power, flow, heat = metric("power"), metric("flow"), metric("heat")
    gates = site(power, flow, heat, cross=(parse("power < 50 or flow > 5"),))

    def come(at_ms, *readings):
        return [one.reason.value for one in gates.judge(report(at_ms, *readings)).readings]

    assert come(0, (power, 500.0), (flow, 30.0), (heat, 40.0)) == ["ok", "ok", "ok"]
    assert come(1_000, (flow, 0.0), (heat, 40.0)) == ["cross", "ok"]
    assert come(2_000, (power, 510.0)) == ["cross"]
    assert come(3_000, (power, 0.0), (flow, 0.0)) == ["ok", "ok"]


def test_a_cross_rule_with_a_stale_or_refused_side_is_not_broken():
    power, flow = metric("power", stale_ms=1_000), metric("flow", rail=(0.0, 500.0))
    gates = site(power, flow, cross=(parse("power < 50 or flow > 5"),))
    gates.judge(report(0, (power, 500.0)))
    (judged,) = gates.judge(report(5_000, (flow, 1.0))).readings
    assert judged.reason is Reason.OK
    for at_ms in (6_000, 6_100, 6_200):
        gates.judge(report(at_ms, (flow, 0.0)))
    (judged,) = gates.judge(report(6_300, (power, 500.0))).readings
    assert judged.reason is Reason.OK


def test_another_site_goes_on_with_what_is_remembered():
    before, after = metric(flatline_ms=3_000), metric(flatline_ms=3_000)
    old, new = site(before), site(after)
    reasons(old, before, [7.0] * 3)
    new.take_over(old)
    (judged,) = new.judge(report(3_000, (after, 7.0))).readings
    assert judged.reason is Reason.FLATLINE


def test_stored_readings_bring_the_memory_back():
    t = metric(flatline_ms=3_000)
    gates = site(t)
    for at_ms in (0, 1_000, 2_000):
        gates.recall(Reading(t, 7.0), at_ms, at_ms)
    (judged,) = gates.judge(report(3_000, (t, 7.0))).readings
    assert judged.reason is Reason.FLATLINE


def test_a_dead_sensor_is_bad_and_a_suspicion_uncertain():
    assert {reason for reason in DEAD if reason.quality is Quality.BAD} == DEAD
    assert Reason.RATE.quality is Reason.CROSS.quality is Quality.UNCERTAIN


def test_nothing_is_held_of_a_dead_sensor():
    t = metric(stale_ms=60_000)
    latest = Latest({"t": t}, {})
    latest.take(Reading(t, 7.0), 0, 0)
    latest.take(Reading(t, 7.0, Reason.FLATLINE), 1_000, 1_000)
    latest.take(Reading(t, 7.0, Reason.CACHED), 2_000, 2_000)
    assert latest.at(2_000).value("t") is None
    assert latest.quality("t", 2_000) == (Quality.BAD, "flatline")
    latest.take(Reading(t, 7.2), 3_000, 3_000)
    assert latest.at(3_000).value("t") == 7.2


@given(st.lists(st.floats(-1e300, 1e300), max_size=60))
def test_judging_changes_no_value_and_the_same_readings_get_the_same_reasons(values):
    t = metric(max_rate=1.0, flatline_ms=2_000, rail=(-5.0, 5.0))
    first, second = site(t), site(t)
    assert reasons(first, t, values) == reasons(second, t, values)
    for i, value in enumerate(values):
        (judged,) = first.judge(report(i, (t, value))).readings
        assert judged.value == value


@given(st.integers(0, 1_000))
def test_a_healthy_sensor_is_never_refused(phase):
    t = metric(max_rate=1.0, flatline_ms=10_000, rail=(0.0, 100.0))
    assert set(reasons(site(t), t, [50 + sin((i + phase) / 5) for i in range(200)])) == {"ok"}
