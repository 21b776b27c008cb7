"""Limits in the file: what they become, and every mistake at its place."""

import json
from pathlib import Path

import pytest

from gateway.config import BadFileError, load
from gateway.config.advice import warnings
from gateway.config.loader import load_document
from gateway.config.show import effective
from gateway.core.guards import Deed, Exclusion, Rates, Slew, ValueRule
from tests.config.samples import GOOD, written

LIMITED = """        after: {stop: 30m, close: 5m}
        only_if: ["power > 100", "`pump-8/power` > 100"]
        unless: mean(pressure, 5m) > 9
        only_during: Mo-Fr 06:00-22:00 Europe/Berlin
        never_with: pump-8/stop
"""
THROTTLE = """      throttle:
        to: lora/24e124136b502217
        options: {port: 85}
        set: {level: value, mode: auto}
        value: {range: [0, 100], step: 5, slew: 20 per 1m, metric: temperature}
"""
PUMP_8 = """  pump-8:
    metrics: {power: {from: zigbee/other plug}, note: {from: press/4, kind: text}}
    actions:
      stop: {to: zigbee/other plug, set: {state: "OFF"}, undone_if: power > 5}
      blow: {to: zigbee/other plug, set: {state: "ON"}}
exclusions:
  cooling: {of: [pump-7/stop, pump-8/stop]}
"""
ALL = (
    GOOD.replace('        set: {state: "OFF"}\n', '        set: {state: "OFF"}\n' + LIMITED)
    .replace("      close: {", THROTTLE + "      close: {")
    .replace("do: close, unless", "do: throttle, with: 40, unless")
    .replace("    metrics:\n", "    limits: {commands_per_hour: 6, commands_per_day: 20}\n"
             "    metrics:\n", 1)
    .replace("store: {", PUMP_8 + "store: {")
)  # fmt: skip


def test_limits_become_their_nouns(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ALL))
    pump = settings.assets["pump-7"]
    guard = pump.actions["stop"].guard
    assert [rule.text for rule in guard.only_if] == ["power > 100", "`pump-8/power` > 100"]
    assert [rule.text for rule in guard.unless] == ["mean(pressure, 5m) > 9"]
    assert guard.never_with == (Deed("pump-8", "stop"),)
    stop, close = Deed("pump-7", "stop"), Deed("pump-7", "close")
    assert dict(guard.after_ms) == {stop: 1_800_000, close: 300_000}
    assert guard.hours is not None
    assert str(guard.hours.zone) == "Europe/Berlin"
    throttle = pump.actions["throttle"]
    assert throttle.value == ValueRule("level", 0, 100, 5, Slew(20, 60_000, "temperature"))
    assert throttle.said(40.0) == {"level": 40, "mode": "auto"}
    assert pump.policy[1].value == 40
    assert pump.rates == Rates(6, 20)
    assert settings.exclusions == (Exclusion("cooling", (stop, Deed("pump-8", "stop"))),)


BOTH = "[pump-7/stop, pump-8/stop]"
MISTAKES = [
    # (what is replaced, by what, the text at which the problem is, message, hint)
    ("{stop: 30m,", "{stopp: 30m,", "stopp", "unknown action 'stopp'", "'stop'"),
    ("{stop: 30m,", "{stop: soon,", "soon", "not a duration", ""),
    ("`pump-8/power`", "`pump-8/powr`", "pump-8/powr", "unknown metric", "'pump-8/power'"),
    ("`pump-8/power` > 100", "`pump-8/power` + 1", '"`pump-8', "a rule says yes or no", ""),
    ("`pump-8/power` > 100", "`pump-8/note` == 'x'", '"`pump-8', "is text", ""),
    ("`pump-8/power` > 100", "mean(`pump-8/power`, 5m) > 1", '"mean', "of the asset itself", ""),
    ("mean(pressure, 5m) > 9", "presure > 9", "presure", "unknown metric", "'pressure'"),
    ("Mo-Fr 06:00-22:00 Europe/Berlin", "Mo-Fr 06:00-22:00", "Mo-Fr", "need their time zone", ""),
    ("Europe/Berlin", "Europe/Berlln", "Mo-Fr", "no such time zone: 'Europe/Berlln'", ""),
    ("06:00-22:00 E", "6-22 E", "Mo-Fr", "not hours", ""),
    ("never_with: pump-8/stop", "never_with: pump-9/stop", "pump-9", "unknown action", "pump-8"),
    ("never_with: pump-8/stop", "never_with: pump-8/blow", "pump-8/b", "nothing shows", "proof"),
    ("undone_if: power > 5", "undone_if: true", "true", "names no metric", ""),
    ("undone_if: power > 5", "undone_if: powr > 5", "powr", "unknown metric", "'power'"),
    (BOTH, "[pump-7/stop, pump-8/halt]", "pump-8/halt", "unknown action", "'pump-8/stop'"),
    (BOTH, "[pump-7/stop, pump-8/blow]", "pump-8/blow", "nothing shows", ""),
    (BOTH, "[pump-7/stop, pump-7/stop]", "pump-7/stop]", "named twice", ""),
    (BOTH, "[pump-7/stop]", "of: [", "at least 2 entries", ""),
    (BOTH + "}", BOTH + ", at_most: 2}", "2}", "excludes no", ""),
    (BOTH + "}", BOTH + ", atmost: 1}", "atmost", "unknown key", "'at_most'"),
    ("range: [0, 100]", "range: [100, 0]", "range", "must be below the second", ""),
    ("step: 5,", "step: 500,", "500", "longer than the range", ""),
    ("step: 5,", "step: 0,", "0,", "should be greater than 0", ""),
    ("20 per 1m", "20/1m", "20/1m", "not a slew limit", ""),
    ("20 per 1m", "20 per 2d", "20 per", "for a day at most", ""),
    (", metric: temperature}", "}", "slew", "'slew' needs 'metric'", ""),
    ("slew: 20 per 1m, ", "", "metric: temp", "'metric' goes with slew", ""),
    ("metric: temperature}", "metric: temprature}", "tempr", "unknown metric", "'temperature'"),
    ("metric: temperature}", "metric: running}", "running", "is no number", ""),
    ("{level: value,", "{level: 5,", "set", "0 properties of 'set' take", "{level: value}"),
    ("{level: value, mode: auto}", "{level: value, mode: value}", "set", "2 properties", ""),
    (", with: 40,", ",", "throttle", "'throttle' needs a value", "with"),
    ("with: 40", "with: 140", "140", "outside of the action's range [0, 100]", ""),
    ("with: 40", "with: 42", "42", "on no step of 5 from 0", "40"),
    ("with: 40", "with: lots", "lots", "should be a number", ""),
    ("do: stop, mode", "do: stop, with: 3, mode", "with: 3", "'stop' takes no value", ""),
    ("1h, do: stop", "1h, do: throttle", "throttle", "'throttle' needs a value", ""),
    ("commands_per_hour: 6", "commands_per_hour: -1", "-1", "at least 0", ""),
    ("commands_per_hour: 6", "commands_per_huor: 6", "commands_per_huor", "unknown key", "hour"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "message", "hint"), MISTAKES)
def test_a_mistake_in_a_limit_is_named_at_its_place(
    tmp_path: Path, old: str, new: str, at: str, message: str, hint: str
) -> None:
    assert old in ALL
    text = ALL.replace(old, new, 1)
    with pytest.raises(BadFileError) as caught:
        load(written(tmp_path, text))
    said = "\n".join(map(str, caught.value.problems))
    matching = [problem for problem in caught.value.problems if message in problem.message]
    assert matching, said
    line = text.splitlines()[matching[0].line - 1]
    assert line[matching[0].column - 1 :].startswith(at), said
    assert hint in matching[0].hint, said


def test_a_fail_safe_that_waits_for_what_is_silent_is_warned_of(tmp_path: Path) -> None:
    settings, doc = load_document(written(tmp_path, ALL))
    said = [problem.message for problem in warnings(settings, doc)]
    (one,) = (one for one in said if "the fail-safe is refused" in one)
    assert one.startswith("it does 'stop', whose interlocks need power, pressure: when they are")


def test_limits_are_shown_in_the_words_of_the_file(tmp_path: Path) -> None:
    shown = json.loads(json.dumps(effective(load(written(tmp_path, ALL)))))
    actions = shown["assets"]["pump-7"]["actions"]
    guard = actions["stop"]["guard"]
    assert guard["hours"] == "Mo-Fr 06:00-22:00 Europe/Berlin"
    assert guard["never_with"] == ["pump-8/stop"]
    assert guard["after"] == {"pump-7/stop": "30m", "pump-7/close": "5m"}
    assert actions["throttle"]["value"]["property"] == "level"
    assert shown["exclusions"][0]["of"] == ["pump-7/stop", "pump-8/stop"]
