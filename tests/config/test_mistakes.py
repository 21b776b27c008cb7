from pathlib import Path

import pytest

from gateway.config import BadFileError, Problem, load
from tests.config.samples import GOOD, written


def mistakes(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(BadFileError) as caught:
        load(written(tmp_path, text))
    return caught.value.problems


# (what is replaced, by what, the text at which the only problem is, message, hint)
MISTAKES = [
    # names that refer to nothing
    ("from: lora/24", "from: lorra/24", "lorra/24", "unknown source 'lorra'", "'lora'"),
    ("to: zigbee/", "to: zigbe/", "zigbe/", "unknown source 'zigbe'", "'zigbee'"),
    ("17c82e96, broker: local", "17c82e96, broker: locl", "locl", "unknown broker", "'local'"),
    ("id: plant-north,", "id: plant-north, broker: x,", "x,", "unknown broker 'x'", "local, ttn"),
    ("metric: power", "metric: powr", "powr", "unknown metric 'powr'", "'power'"),
    ("do: stop, mode", "do: stopp, mode", "stopp", "unknown action 'stopp'", "'stop'"),
    ("1h, do: stop", "1h, do: halt", "halt", "unknown action 'halt'", "close, stop"),
    ("when: alarm", "when: alrm", "alrm", "no verdict of this asset says 'alrm'", "'alarm'"),
    ("temperature > 90", "temprature > 90", "temprature", "unknown metric", "'temperature'"),
    ("mean(power", "mean(powr", "powr", "unknown metric 'powr'", "'power'"),
    ("power > 3000", "powr > 3000", "powr", "unknown metric 'powr'", "'power'"),
    ("[maintenance", "[maintenence", "maintenence", "unknown flag or metric", "'maintenance'"),
    ("only_if: running", "only_if: maintenance", "maintenance\n", "unknown metric", ""),
    ("- {rule: pressure < 1, label: dry}", "- {model: wear}", "wear", "unknown model", "none"),
    # keys
    ("host: localhost", "hots: localhost", "local: {hots", "'host' is missing", ""),
    ("unit: W", "unnit: W", "unnit", "unknown key 'unnit'", "'unit'"),
    ("base: zig", "bass: zig", "bass", "unknown key 'bass'", "'base'"),
    ("format: epoch_s", "formatt: epoch_s", "formatt", "unknown key 'formatt'", "'format'"),
    ("log: {", "attic: {}\nlog: {", "attic", "unknown key 'attic'", "there are"),
    ("{level: info", "{levl: info", "levl", "unknown key 'levl'", "'level'"),
    ("username: p", "password: hush, username: p", "password: h", "unknown key", "password_file"),
    ("{path: t, ", "{", "time: {format", "'time': 'path' is missing", ""),
    ("id: plant-north, ", "", "gateway", "'gateway': 'id' is missing", ""),
    ("unit: degC}", "unit: }", "unit: }", "'unit' has no value", ""),
    ("  pump-7:\n", "  pump 7:\n", "pump 7", "'pump 7': a name has letters", ""),
    # words that other rooms do not know
    ("mean(power", "meen(power", "meen", "no function 'meen'", "did you mean 'mean'?"),
    ("90 and mean", "90 adn mean", "adn", "unexpected 'adn'", "did you mean 'and'?"),
    ("3 of 5", "3 fo 5", "3 fo 5", "not a count", "did you mean '3 of 5'?"),
    ('"OFF": false}}', '"OFF": flase}}', "flase", "should mean a number", "'false'"),
    ("tls: true", "tls: ture", "ture", "should be true, false", "'true'"),
    ("guard: true", "guard: treu", "treu", "should be true or false", "'true'"),
    ("bridge: json", "brigde: json", "brigde", "unknown key 'brigde'", "'bridge'"),
    ("factory/{device}", "factory/{devcie}", "factory/{devcie}", "known: {device}", "'device'"),
    # values
    ("stale: 15m", "stale: 15 minutes", "15 minutes", "'stale': not a duration", ""),
    ("stale: 15m", "stale: [15m]", "stale", "'stale': should be a duration", ""),
    ("[0, 4000]", "[4000, 0]", "range", "must be below the second", ""),
    ("[0, 4000]", "[0, high]", "high", "should be a number, not 'high'", ""),
    ("[0, 4000]", "[0, .inf]", ".inf", "should be a number", ""),
    ("[0, 4000]", "[0, nan]", "nan", "should be a finite number", ""),
    ("[0, 4000]", "4000", "4000", "'range' should be", ""),
    ("3 of 5", "5 of 3", "5 of 3", "'for': 5 of 3 cannot be", ""),
    ("3 of 5", "three", "three", "'for': not a count", ""),
    ("2GiB", "2 gigs", "2 gigs", "'max_bytes': not a size", ""),
    ("2GiB", "2", "2, keep", "'max_bytes' should be at least 8388608", ""),
    ("mode: act", "mode: atc", "atc", "should be one of act, advise, shadow", "'act'"),
    ("bridge: json", "bridge: jsn", "jsn", "unknown bridge 'jsn'", "'json'"),
    ("    bridge: json\n", "", "press", "'press': 'bridge' is missing", ""),
    ("id: plant-north", "id: Plant North", "Plant North", "should match ^[a-z0-9_-]+$", ""),
    ("tls: true", "tls: maybe", "maybe", "should be true, false, or a mapping", ""),
    ("ttn: {host: eu1.example", "ttn: {host: e, port: 0", "0, tls", "at least 1", ""),
    (
        "    verdicts:\n",
        "    running: power > 5\n    verdicts:\n",
        "running: power",
        "'running' keeps models from being asked",
        "say it in the rule",
    ),
    (
        "{batch: 50ms",
        "{batch: 50ms, worker_memory: 32MiB",
        "32MiB",
        "should be at least 64MiB, not '32MiB'",
        "",
    ),
    ("guard: true", "guard: maybe", "maybe", "should be true or false, not 'maybe'", ""),
    ("to: zigbee/line 3/pump plug", "to: zigbee", "zigbee\n", "'to': should be <source>/", ""),
    ('"OFF": false}}', '"OFF": stopped}}', "stopped", "word 'OFF' should mean a number", ""),
    ("path: object.temperature", "path: object..t", "..t,", "'path': expected key", ""),
    ("format: epoch_s", "format: epoch", "epoch}", "should be one of", "'epoch_s'"),
    ('each: "[*]"', 'each: "[*"', "[*", "'each': expected key", ""),
    ("topic: factory/{device}/plc", "topic: factory/{device/plc", "{device/", "a level", ""),
    ("subscribe: factory/+/plc", "subscribe: other/x+/plc", "other/x+", "whole level", ""),
    # rules
    ("temperature > 90", "temperature > > 90", "> 90", "'rule': unexpected '>'", ""),
    ("temperature > 90", "temperature >> 90", "> 90", "'rule': unexpected '>'", ""),
    ("temperature > 90 and", "temperature = 90 and", "= 90", "compare with ==", ""),
    ("pressure < 1", "pressure + 1", "pressure + 1", "a rule says yes or no", ""),
    ("pressure < 1", "note == 'x'", "note", "'note' is text", ""),
    # parts that do not fit together
    ("do: stop, mode", "mode", "act, min", "'act' needs an action", "add do"),
    ("1h, do: stop", "1h", "fail_safe", "'fail_safe' names no action", "add do"),
    ("below: 5, ", "", "proof", "'proof' says nothing", ""),
    ("below: 5", "below: 5, equals: 0", "equals", "'equals' stands alone", ""),
    ("source_unit: kPa", "source_unit: kPaa", "kPaa", "cannot be converted", "'kPa'"),
    ("source_unit: kPa", "source_unit: degC", "degC, unit: bar", "cannot be converted", "scale"),
    ("17c82e96, broker: local", "17c82e96", "lora", "'broker' is missing", "local, ttn"),
    ("rule: pressure < 1, label: dry", "label: dry", "{label: dry", "neither", ""),
    ("label: dry", "label: normal", "normal", "'normal' is not a rule's to say", ""),
    ("label: dry", "label: dry, deadline: 1s", "deadline: 1s", "goes with a model", ""),
    ("factory/+/plc", "application/#", "application/#", "overlaps", ""),
    ("factory/+/plc", "edge/#", "edge/#", "takes our own topics", "narrower"),
    (", options: {port: 85}", "", "close", "'close' cannot be sent", ""),
    ('state: "OFF"', "state: TOGGLE", "set: {state", "'stop' cannot be sent", ""),
    ("to: zigbee/line 3/pump plug", "to: press/4", "to: press", "cannot be sent", ""),
    # gates
    ("unit: degC}", "unit: degC, max_rate: fast}", "fast", "'max_rate': not a rate", ""),
    ("unit: degC}", "unit: degC, max_rate: 5/day}", "5/day", "'max_rate': not a rate", ""),
    ("unit: degC}", "unit: degC, max_rate: 5 K/min}", "5 K/min", "in 'K', and", "own unit"),
    ("unit: degC}", "unit: degC, rail: [9, 1]}", "rail", "must be below the second", ""),
    ("kind: text}", "kind: text, flatline: 1h}", "flatline", "is for numbers", ""),
    ("    fail_safe", "    cross: powr > 5\n    fail_safe", "powr", "unknown metric", "'power'"),
    ("    fail_safe", "    cross: power + 5\n    fail_safe", "power", "yes or no", ""),
    ("    fail_safe", "    cross: mean(power, 1m) > 5\n    fail_safe", "mean", "newest", ""),
    ("    fail_safe", "    cross: note == 'x'\n    fail_safe", "note", "is text", ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "message", "hint"), MISTAKES)
def test_a_mistake_is_named_at_its_place(
    tmp_path: Path, old: str, new: str, at: str, message: str, hint: str
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = mistakes(tmp_path, text)
    said = "\n".join(map(str, found))
    matching = [problem for problem in found if message in problem.message]
    assert matching, said
    problem = matching[0]
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith(at.rstrip("\n")), said
    assert hint in problem.hint, said
    assert problem.source == line


def test_the_good_file_has_no_problem(tmp_path: Path) -> None:
    assert load(written(tmp_path)).gateway_id == "plant-north"


def test_one_run_shows_the_mistakes_of_every_kind(tmp_path: Path) -> None:
    text = GOOD
    for old, new in [("host: localhost", "hots: x"), ("3 of 5", "5 of 3"), ("when: dry", "when: x"),
                     ("from: lora/24", "from: lorra/24"), ("metric: power", "metric: powr"),
                     ("15m) >", "15m) > >"), ("limits: {", "limit: {")]:  # fmt: skip
        text = text.replace(old, new, 1)
    found = mistakes(tmp_path, text)
    words = ["'host' is missing", "unknown key 'hots'", "5 of 3", "'lorra'", "'powr'",
             "unexpected '>'", "unknown key 'limit'"]  # fmt: skip
    for word in words:
        assert sum(word in problem.message for problem in found) == 1, word
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)


@pytest.mark.parametrize(("old", "new"), [entry[:2] for entry in MISTAKES])
def test_no_mistake_hides_a_name_that_refers_to_nothing(tmp_path: Path, old: str, new: str) -> None:
    text = GOOD.replace(old, new, 1).replace("1h, do: stop", "1h, do: stpo")
    if "1h, do: stpo" not in text or "  pump 7:" in text:
        pytest.skip("the mistake is in this very place, or what it is in has no name")
    said = [problem.message for problem in mistakes(tmp_path, text)]
    assert "unknown action 'stpo'" in said
    assert len(said) > 1


def test_what_is_there_but_wrong_is_not_called_unknown(tmp_path: Path) -> None:
    text = GOOD.replace("bridge: chirpstack", "bridge: chirpstak").replace("unit: W,", "unitt: W,")
    found = mistakes(tmp_path, text)
    assert [problem.message for problem in found] == [
        "'bridge': unknown bridge 'chirpstak'",
        "unknown key 'unitt'",
    ]


def test_a_duplicate_asset_is_a_duplicate_key(tmp_path: Path) -> None:
    text = GOOD.replace("store: {", "  pump-7: {metrics: {}}\nstore: {", 1)
    assert "duplicate key 'pump-7'" in mistakes(tmp_path, text)[0].message


def test_an_unquoted_comma_that_cuts_a_rule_is_explained(tmp_path: Path) -> None:
    text = GOOD.replace('"temperature > 90 and mean(power, 15m) > 100"', "mean(power, 15m) > 100")
    found = mistakes(tmp_path, text)
    assert any("quote it" in problem.hint for problem in found)


def test_a_file_without_brokers_says_so(tmp_path: Path) -> None:
    assert any("no brokers" in one.message for one in mistakes(tmp_path, "gateway: {id: a}\n"))


@pytest.mark.parametrize("text", ["", "just words\n", "- a\n- b\n", "12\n", "{}\n"])
def test_what_is_no_configuration_is_refused_plainly(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text)


def test_the_same_wrong_file_reads_the_same_twice(tmp_path: Path) -> None:
    text = GOOD.replace("stale: 15m", "stale: x").replace("mode: act", "mode: atc")
    assert mistakes(tmp_path, text) == mistakes(tmp_path, text)
