"""``edge-gateway test``: declared cases, and how their failures are told."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.config.problems import BadFileError
from tests.cli.test_replay import MODEL, package
from tests.fakes.daemon import ROOT, pump

HEAD = "config: gateway.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(pump(1883))
    return tmp_path


def cases(folder: Path, text: str, *options: str) -> Result:
    file = folder / "pump.test.yaml"
    file.write_text(HEAD + text)
    return CliRunner().invoke(cli, ["test", str(file), *options])


def problems(folder: Path, text: str) -> list[str]:
    """``line:column: message`` of every problem."""
    error = cases(folder, text).exception
    assert isinstance(error, BadFileError), error
    return [f"{one.line}:{one.column}: {one.message}" for one in error.problems]


def test_the_sample_passes() -> None:
    result = CliRunner().invoke(cli, ["test", str(ROOT / "config/gateway.test.yaml")])
    assert result.exit_code == 0, result.output
    assert "6 cases, 0 failed" in result.output


def test_the_example_of_the_docs_passes(folder: Path) -> None:
    page = (ROOT / "docs/replay.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (folder / "gateway.yaml").write_text((ROOT / "config/gateway.yaml").read_text())
    result = cases(folder, example.replace(HEAD.strip(), "", 1))
    assert result.exit_code == 0, result.output


def test_a_case_that_goes_as_expected_is_ok(folder: Path) -> None:
    text = """
cases:
  - name: hot
    given: [{every: 10s, for: 1m, temperature: {from: 50, to: 100}}]
    expect:
      - {at: 50s, event: raised, action: stop, mode: act, label: alarm, rung: "rule:1", refused: ""}
      - {at: 50s, verdict: alarm}
      - {at: 20s, verdict: normal, rung: "rule:1"}
    unexpected: all
"""
    result = cases(folder, text)
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (
        0,
        ["  ok      hot", "1 case, 0 failed"],
    )


def test_a_failure_names_its_line_what_was_expected_and_what_came_instead(folder: Path) -> None:
    text = """
cases:
  - name: hot
    given: [{at: 30s, temperature: 95}]
    expect: {at: 10s, event: raised, action: stop, mode: advise}
"""
    result = cases(folder, text)
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[1] == "FAILED  hot"
    assert lines[2].endswith("pump.test.yaml:6: not decided")
    assert lines[3] == "expected  at: 10s, asset: pump, event: raised, action: stop, mode: advise"
    assert lines[4].startswith("got       at: 30s, asset: pump, event: raised, label: alarm,")
    assert lines[5] == "differs   at: 20s too late, mode: act instead of advise"
    assert lines[-1] == "1 case, 1 failed"
    decided = '- {at: 30s, asset: pump, event: raised, label: alarm, rung: "rule:1", policy: '
    assert any(line.startswith(decided) for line in lines)


def test_what_is_printed_can_be_pasted_as_an_expectation(folder: Path) -> None:
    text = "cases:\n  - name: hot\n    given: [{at: 30s, temperature: 95}]\n    unexpected: all\n"
    failed = cases(folder, text)
    (line,) = [one.strip() for one in failed.stdout.splitlines() if one.strip().startswith("- {")]
    assert cases(folder, f"{text}    expect:\n      {line}\n").exit_code == 0


@pytest.mark.parametrize(("unexpected", "code"), [("commands", 1), ("all", 1), ("none", 0)])
def test_a_command_that_nobody_expected_fails_the_case(
    folder: Path, unexpected: str, code: int
) -> None:
    text = f"cases:\n  - {{name: hot, given: [{{temperature: 95}}], unexpected: {unexpected}}}\n"
    assert cases(folder, text).exit_code == code


def test_what_must_not_be_decided_fails_the_case(folder: Path) -> None:
    text = """
cases:
  - name: hot
    given: [{at: 30s, temperature: 95}]
    expect: {event: raised}
    expect_not: [{event: raised, at: 30s}, {event: raised, at: 10s}, {verdict: alarm, at: 10s}]
"""
    result = cases(folder, text, "--json")
    (file,) = json.loads(result.stdout)
    (failure,) = file["cases"][0]["failures"]
    assert (failure["line"], failure["what"]) == (7, "not to be decided")
    assert failure["got"]["at_s"] == 30


def test_people_may_say_something_in_a_case(folder: Path) -> None:
    text = """
cases:
  - name: held, then shadowed, then as in the file
    given: [{every: 10s, for: 1m, temperature: 95}, {every: 10s, for: 1m, temperature: 20},
            {every: 10s, for: 1m, temperature: 95}, {every: 10s, for: 2m, temperature: 20},
            {every: 10s, for: 1m, temperature: 95}]
    people:
      - {at: 0s, hold: true, for: 1m}
      - {at: 1m, mode: shadow}
      - {at: 250s, mode: file}
    expect:
      - {at: 0s, event: raised, refused: hold}
      - {at: 2m, event: raised, mode: shadow}
      - {at: 5m, event: raised, mode: act, refused: ""}
"""
    result = cases(folder, text)
    assert result.exit_code == 0, result.stdout


def test_gates_ranges_and_marks_hold_for_given_readings(folder: Path) -> None:
    file = folder / "gateway.yaml"
    file.write_text(file.read_text().replace("unit: degC}", "unit: degC, max_rate: 1/s}"))
    text = """
cases:
  - name: a jump
    given: [{at: 0s, temperature: 20}, {at: 1s, temperature: 95}]
    expect_not: {event: raised}
  - name: late readings
    given: [{at: 0s, temperature: 95, reason: late}]
    expect_not: {event: raised}
"""
    assert cases(folder, text).exit_code == 0


def test_models_judge_in_the_real_worker_or_abstain(folder: Path) -> None:
    package(folder / "m", "1.0.0", 90.0)
    file = folder / "gateway.yaml"
    text = file.read_text().replace("- {rule:", "- {model: m}\n      - {rule:")
    file.write_text(text.replace("log: {", MODEL))
    declared = """
cases:
  - name: hot
    given: [{at: 0s, temperature: 20}, {at: 10s, every: 10s, for: 1m, temperature: 95}]
    expect:
      - {event: raised, rung: "model:m", label: alarm, score: {above: 94, below: 96}}
"""
    result = cases(folder, declared)
    assert result.exit_code == 0, result.output
    without = cases(
        folder,
        declared.replace("model:m", "rule:2").replace(", score: {above: 94, below: 96}", ""),
        "--no-models",
    )
    assert without.exit_code == 0, without.output
    assert cases(folder, declared, "--no-models").exit_code == 1


def test_the_same_cases_print_the_same_bytes(folder: Path) -> None:
    text = "cases: [{name: hot, given: [{temperature: 95}], expect: {event: raised}}]\n"
    assert cases(folder, text, "-v").stdout_bytes == cases(folder, text, "-v").stdout_bytes
    assert cases(folder, text, "--json").stdout_bytes == cases(folder, text, "--json").stdout_bytes


def test_junit_tells_the_same(folder: Path) -> None:
    text = """
cases:
  - {name: hot, given: [{temperature: 95}], expect: {event: raised}}
  - {name: cold, given: [{temperature: 5}], expect: {event: raised}}
"""
    assert cases(folder, text, "--junit", str(folder / "out.xml")).exit_code == 1
    (suite,) = ET.parse(folder / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [len(case) for case in suite] == [0, 1]


def test_every_mistake_is_told_with_its_place(folder: Path) -> None:
    text = """
cases:
  - name: hot
    given: [{every: 10s, temprature: 95}, {at: 5s, power: hot}, {power: 3}]
    expect: [{action: halt}, {verdict: alarm, event: raised}, {at: 3s}]
    people: [{hold: true, mode: act}]
"""
    assert problems(folder, text) == [
        "5:13: 'for' is missing: every and for go together",
        "5:26: unknown metric 'temprature'",
        "5:59: 'power' is a number, or {from: 1, to: 9}",
        "5:65: 'at' is missing: the step before has no 'for'",
        "6:23: unknown action 'halt'",
        "6:30: a verdict has only a rung and a score beside it",
        "6:63: it says nothing: name an event, an action or a verdict",
        "7:14: say one of hold, maintenance, stop, mode",
    ]


def test_mistakes_of_form_are_told_as_in_a_configuration(folder: Path) -> None:
    text = "case: []\ncases:\n  - {nam: hot, given: [{at: 5x, power: 3}]}\n"
    found = problems(folder, text)
    assert "2:1: unknown key 'case'" in found
    assert "4:6: unknown key 'nam'" in found
    assert any(one.startswith("4:29: 'at': not a duration") for one in found)
    assert problems(folder, "cases: []\n") == ["2:1: there is no case in it"]


def test_a_wrong_configuration_is_told_as_such(folder: Path) -> None:
    (folder / "gateway.yaml").write_text("gateway: {id: UPPER}\n")
    (first, *_) = problems(folder, "cases: [{name: x, given: [{power: 1}]}]\n")
    assert first.startswith("1:")
