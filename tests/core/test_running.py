"""Whether a machine runs: since when, and what that keeps from being asked or learnt."""

from dataclasses import replace

from gateway.core.assets import Asset, ModelRung, RuleRung
from gateway.core.latest import Latest
from gateway.core.paths import Path
from gateway.core.policy import Policy
from gateway.core.readings import Metric, Reading, Readings
from gateway.core.rules import parse
from gateway.core.running import Running
from gateway.core.verdicts import Verdict
from gateway.core.watch import Watch

POWER = Metric("power", "plc", "pump", Path.parse("power"), asset="pump", unit="W", stale_ms=5_000)


def seen(*values: tuple[int, float]) -> Running:
    running, latest = Running(parse("power > 50")), Latest({"power": POWER}, {})
    for at_ms, value in values:
        latest.take(Reading(POWER, value), at_ms, at_ms)
        running.see(latest.at(at_ms), at_ms)
    return running


def test_without_a_rule_everything_is_asked_and_learnt() -> None:
    running = Running()
    assert (running.why_not(0), running.learns) == ("", True)


def test_while_it_is_unknown_models_are_asked_and_nothing_is_learnt() -> None:
    running = seen()
    assert (running.why_not(0), running.learns) == ("", False)


def test_a_machine_that_stands_still_is_idle() -> None:
    running = seen((1_000, 1400.0), (2_000, 0.0))
    assert (running.why_not(1_000), running.learns) == ("idle", False)


def test_a_window_that_reaches_back_to_before_it_ran_is_not_judged() -> None:
    running = seen((1_000, 0.0), (2_000, 1400.0), (3_000, 1500.0))
    assert running.why_not(1_999) == "starting"
    assert running.why_not(2_000) == ""
    assert running.learns


def test_a_machine_that_rested_and_is_silent_is_not_called_well_by_a_quiet_rule() -> None:
    heat = replace(POWER, name="heat", stale_ms=60_000)
    ladder = (ModelRung("m"), RuleRung(parse("heat > 90"), "alarm"))
    metrics = {"power": POWER, "heat": heat}
    asset = Asset("pump", "Pump", metrics, ladder=ladder, running=parse("power > 50"))
    watch = Watch(asset, Latest(metrics, {}), Policy(asset, lambda: "1"), {}, 0)

    def label(at_ms: int, *readings: Reading) -> str:
        watch.take(Readings.of(readings), at_ms, at_ms)
        verdict = watch.turn(at_ms, at_ms, None).step()
        assert isinstance(verdict, Verdict)
        return verdict.label

    assert label(1_000, Reading(heat, 20.0)) == "normal"
    assert label(2_000, Reading(POWER, 0.0), Reading(heat, 20.0)) == "idle"
    assert label(20_000, Reading(heat, 20.0)) == "idle"
    assert watch.running.now is None
    assert label(21_000, Reading(heat, 95.0)) == "alarm"
    assert label(22_000, Reading(POWER, 1400.0), Reading(heat, 20.0)) == "normal"


def test_after_it_was_unknown_it_starts_again() -> None:
    running = seen((1_000, 1400.0))
    running.see(Latest({"power": POWER}, {}).at(2_000), 2_000)
    assert (running.now, running.learns) == (None, False)
    later = Latest({"power": POWER}, {})
    later.take(Reading(POWER, 1400.0), 9_000, 9_000)
    running.see(later.at(9_000), 9_000)
    assert running.why_not(8_000) == "starting"
