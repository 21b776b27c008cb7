"""``edge-gateway replay``: history through a configuration, the same to the byte."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli.main import cli
from gateway.core.messages import Reason
from gateway.core.times import rfc3339
from gateway.core.verdicts import Decision, Mode, Verdict
from tests.fakes.daemon import pump
from tests.fakes.recording import BEGAN_MS, Recording
from tests.models import make
from tests.models.heat import write

SINCE = ("--since", rfc3339(BEGAN_MS))
HOUR_MS = 3_600_000
MODEL = "models: {m: {package: m}}\nlog: {"


def package(folder: Path, version: str, on: float) -> None:
    """score = temperature, judged every ten seconds; alarm from ``on``."""
    nodes = [make.node("Flatten", "window", "score", axis=1)]
    model = make.model(nodes, window=("n", 1, 1))
    write(folder, version, model, on, period_s=10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The pump with its one rule."""
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(1883))
    return file


def replay(file: Path, *options: str, since: Sequence[str] = SINCE) -> Result:
    return CliRunner().invoke(cli, ["replay", *since, "--config", str(file), *options])


def told(file: Path, *options: str, since: Sequence[str] = SINCE) -> Any:
    result = replay(file, "--json", *options, since=since)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def events(tree: Any, side: str = "would_be") -> list[tuple[float, str, str]]:
    """(seconds from the beginning, event, refused) of one side."""
    made = [one[side] for one in tree["decisions"] if one[side]]
    return [((one["at_ms"] - BEGAN_MS) / 1000, one["event"], one["refused"]) for one in made]


def changed(file: Path, *changes: tuple[str, str]) -> Path:
    """The same file, changed, beside it."""
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    new = file.with_name("new.yaml")
    new.write_text(text)
    return new


def decision(at_s: float, event: str, label: str = "alarm") -> Decision:
    at_ms = BEGAN_MS + round(at_s * 1000)
    verdict = Verdict("pump", at_ms, 1_000, "rule:1", label)
    action = "stop" if event == "raised" else ""
    return Decision(f"d{at_s}", "pump", "pump/policy/0", event, Mode.ACT, action, verdict)


def hot_hour(file: Path) -> None:
    """Two hours of readings; hot between 30 and 40 minutes, as was decided then."""
    with Recording(file) as history:
        for at_s in range(0, 7_200, 10):
            hot = 1_800 <= at_s < 2_400
            history.tell(at_s, temperature=95.0 if hot else 60.0)
            history.tell(at_s + 1, power=1_200.0)
        history.decided([decision(1_800, "raised"), decision(2_400, "cleared", "normal")])


def test_what_was_decided_would_be_decided_again(file: Path) -> None:
    hot_hour(file)
    tree = told(file)
    assert [one["mark"] for one in tree["decisions"]] == ["=", "="]
    assert events(tree) == [(1_800, "raised", ""), (2_400, "cleared", "")]
    assert tree["summary"]["agree"] == 2
    assert tree["summary"]["now"]["alarm_ms"] == tree["summary"]["then"]["alarm_ms"] == 600_000
    assert tree["reports"] == 1_440


def test_another_file_decides_otherwise_and_the_difference_is_named(file: Path) -> None:
    hot_hour(file)
    new = changed(
        file, ("mode: act", "mode: advise"), ("when: alarm,", "when: alarm, for: 3 of 5,")
    )
    tree = told(new)
    (raised, cleared) = tree["decisions"]
    assert raised["mark"] == "~"
    assert raised["differs"] == ["at", "mode"]
    assert raised["would_be"]["at_ms"] > raised["was"]["at_ms"]
    assert cleared["mark"] == "~"
    result = replay(new, "--exit-code")
    assert result.exit_code == 1
    assert "mode advise" in result.stdout
    assert replay(file, "--exit-code").exit_code == 0
    assert replay(file, "--changes").stdout.count("\n=") == 0


def test_what_only_one_side_decides_is_marked(file: Path) -> None:
    hot_hour(file)
    never = told(changed(file, ("temperature > 90", "temperature > 200")))
    assert [one["mark"] for one in never["decisions"]] == ["-", "-"]
    assert never["summary"]["only_then"] == 2
    with Recording(file, "boot-2", at_s=9_000) as history:
        history.tell(9_000, temperature=99.0)
    tree = told(file)
    assert [one["mark"] for one in tree["decisions"]] == ["=", "=", "+"]
    assert "the machine was started 1 times in this time" in tree["notes"]


def test_two_runs_print_the_same_bytes_with_a_model_too(file: Path, tmp_path: Path) -> None:
    package(tmp_path / "m", "1.0.0", 90.0)
    new = changed(
        file, ("    verdicts:\n", "    verdicts:\n      - {model: m}\n"), ("log: {", MODEL)
    )
    hot_hour(file)
    command = [sys.executable, "-m", "gateway", "replay", *SINCE, "--config", str(new)]
    runs = [
        subprocess.run([*command, *more], capture_output=True, check=True, timeout=120)
        for more in ((), (), ("--json",))
    ]
    assert runs[0].stdout == runs[1].stdout
    tree = json.loads(runs[2].stdout)
    raised = tree["decisions"][0]["would_be"]
    assert (raised["rung"], raised["score"]) == ("model:m", 95.0)
    assert tree["models"]["m"].startswith("1.0.0 ")
    assert b"times as fast as it was" in runs[0].stderr
    assert b"\r" not in runs[0].stderr


def test_another_package_judges_under_the_models_name(file: Path, tmp_path: Path) -> None:
    package(tmp_path / "m", "1.0.0", 90.0)
    package(tmp_path / "other", "2.0.0", 200.0)
    new = changed(file, ("- {rule:", "- {model: m}\n      - {rule:"), ("log: {", MODEL))
    hot_hour(file)
    tree = told(new, "--model", f"m={tmp_path / 'other'}")
    assert tree["models"]["m"].startswith("2.0.0 ")
    assert told(new, "--model", str(tmp_path / "other")) == tree
    assert [one["mark"] for one in tree["decisions"]] == ["-", "-"]
    (tmp_path / "other" / "model.onnx").write_bytes(b"nonsense")
    wrong = replay(new, "--model", f"m={tmp_path / 'other'}")
    assert wrong.exit_code != 0
    assert replay(new, "--model", "x=y").exit_code == 2


def test_silence_makes_rows_close_and_the_fail_safe_due_as_it_would_live(file: Path) -> None:
    new = changed(
        file,
        ("unit: degC}", "unit: degC, stale: 5m}"),
        ("    policy:\n", "    fail_safe: {after: 10m, do: stop, mode: act}\n    policy:\n"),
    )
    with Recording(file) as history:
        for at_s in range(0, 600, 10):
            history.tell(at_s, temperature=60.0)
        history.tell(7_000, temperature=61.0)
    assert events(told(new)) == [(590 + 600 + 0.001, "fail_safe", "")]


def test_readings_keep_the_mark_they_had(file: Path) -> None:
    with Recording(file) as history:
        history.tell(0, temperature=60.0)
        history.tell(10, temperature=99.0, reason=Reason.LATE)
        history.tell(20, temperature=99.0, reason=Reason.CLOCK)
        history.tell(30, temperature=61.0)
    assert events(told(file)) == []


def test_a_replay_in_the_middle_begins_with_what_stood_then(file: Path) -> None:
    hot_hour(file)
    middle = ("--since", rfc3339(BEGAN_MS + 2_100_000))
    tree = told(file, since=middle)
    assert events(tree) == [(2_400, "cleared", "")]
    assert [one["mark"] for one in tree["decisions"]] == ["="]
    assert tree["summary"]["now"]["alarm_ms"] == tree["summary"]["then"]["alarm_ms"] == 300_000


def test_limits_are_asked_with_virtual_time(file: Path) -> None:
    new = changed(file, ("assets:\n", "limits: {commands_per_minute: 1}\nassets:\n"))
    with Recording(file) as history:
        for at_s in (0, 10, 20, 30, 90):
            history.tell(at_s, temperature=99.0)
            history.tell(at_s + 5, temperature=60.0)
    tree = told(new)
    raised = [(at_s, refused) for at_s, event, refused in events(tree) if event == "raised"]
    limit = "limits.commands_per_minute 1"
    assert raised == [(0, ""), (10, limit), (20, limit), (30, limit), (90, "")]


def test_a_metric_without_a_past_is_named_and_units_are_converted(file: Path) -> None:
    hot_hour(file)
    new = changed(
        file,
        ("unit: degC}", "unit: degF}\n      flow: {from: zigbee/probe, path: flow}"),
        ("temperature > 90", "temperature > 194 or flow > 3"),
    )
    tree = told(new)
    assert (
        "pump/flow: never stored (no file mapped it): it is unknown all the time" in tree["notes"]
    )
    assert "pump/temperature: converted from degC" in tree["notes"]
    assert events(tree)[0] == (1_800, "raised", "")


def test_what_was_kept_without_being_mapped_is_read_as_it_would_be_today(file: Path) -> None:
    with Recording(file) as history:
        for at_s in range(0, 600, 10):
            history.tell(at_s, temperature=60.0)
            history.tell_raw(at_s + 1, "zigbee", "probe", flow=at_s / 10)
    new = changed(
        file,
        ("unit: degC}", "unit: degC}\n      flow: {from: zigbee/probe, range: [0, 50], scale: 2}"),
        ("temperature > 90", "flow > 40"),
    )
    tree = told(new)
    assert events(tree) == [(211, "raised", "")]
    assert any("its raw values were kept" in note for note in tree["notes"])


def test_commands_of_the_day_before_count_for_limits(file: Path) -> None:
    new = changed(file, ("    actions:\n", "    limits: {commands_per_day: 1}\n    actions:\n"))
    with Recording(file) as history:
        for at_s in range(0, 7_200, 10):
            history.tell(at_s, temperature=95.0 if at_s == 7_000 else 60.0)
        history.sent(60.0)
    middle = ("--since", rfc3339(BEGAN_MS + 6_000_000))
    (raised, _) = events(told(new, since=middle))
    assert raised == (7_000, "raised", "assets.pump.limits.commands_per_day 1")


def test_thinned_hours_are_named_and_not_judged(file: Path) -> None:
    with Recording(file) as history:
        for at_s in range(0, 86_400 * 3, 600):
            history.tell(at_s, temperature=99.0)
    settings = file.read_text().replace(
        "min_free_bytes: 1MiB", "min_free_bytes: 1MiB, keep: {readings: 1d}"
    )
    file.write_text(settings)
    with Recording(file, at_s=0) as history:
        at_ms = BEGAN_MS + 86_400_000 * 3
        while history.store.maintain(at_ms, True, 86_400_000 * 3).more:
            pass
    tree = told(file)
    (thinned,) = [note for note in tree["notes"] if "hourly" in note]
    hour = rfc3339(BEGAN_MS // HOUR_MS * HOUR_MS)
    assert thinned.startswith(f"pump/temperature: only hourly values are left from {hour}")
    assert tree["since"] > rfc3339(BEGAN_MS + 86_400_000)
    assert len(events(tree)) == 1


def test_only_the_assets_that_are_asked_for(file: Path) -> None:
    hot_hour(file)
    assert replay(file, "--asset", "pump").exit_code == 0
    wrong = replay(file, "--asset", "pmup")
    assert wrong.exit_code == 2
    assert "there are pump" in wrong.output


def test_nothing_to_replay_is_said(file: Path) -> None:
    hot_hour(file)
    late = replay(file, since=("--since", "2030-01-01T00:00:00Z"))
    assert late.exit_code == 1
    assert "history of that time" in str(late.exception)


YEARS_S = 10 * 365 * 86_400
steps = st.lists(
    st.tuples(
        st.sampled_from((0.5, 10.0, 400.0, 5_000.0)),
        st.sampled_from((0.0, 0.0, 0.0, 3_600.0, -3_600.0, YEARS_S, -YEARS_S)),
        st.sampled_from((20.0, 95.0)),
        st.booleans(),
    ),
    max_size=20,
)


@given(steps)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_clocks_that_jump_and_boots_end_no_replay_and_change_nothing_between_two(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[float, float, float, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("jumps")
    file = folder / "gateway.yaml"
    safe = "    fail_safe: {after: 10m, do: stop, mode: act}\n    policy:\n"
    file.write_text(pump(1883, ("    policy:\n", safe), ("unit: degC}", "unit: degC, stale: 5m}")))
    at_s, boot = 0.0, 1
    history = Recording(file)
    history.tell(0, temperature=20.0)
    for pause_s, ahead_s, temperature, off in told:
        at_s += pause_s
        if off:
            boot += 1
            history.__exit__(None, None, None)
            history = Recording(file, f"boot-{boot}", at_s=at_s)
        history.tell(at_s, ahead_s=ahead_s, temperature=temperature)
    history.__exit__(None, None, None)
    runs = [replay(file, "--json", since=("--since", "2000-01-01T00:00:00Z")) for _ in range(2)]
    assert [run.exit_code for run in runs] == [0, 0], runs[0].exception
    assert runs[0].stdout == runs[1].stdout
