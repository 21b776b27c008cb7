"""What a running daemon decided, a replay of its own store decides again."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.press import Press, press, samples
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import write

PERIOD_S = 0.25
RUNGS = """verdicts:
      - {model: heat, deadline: 5s}
      - {rule: "power > 5000", label: alarm}
    fail_safe: {after: 3s, do: stop, mode: advise}
"""
CHANGES = (
    ('verdicts:\n      - {rule: "temperature > 90", label: alarm}\n', RUNGS),
    ("unit: degC}", "unit: degC, stale: 1s}"),
    ("power: {from: zigbee/plug, unit: W}", "power: {from: zigbee/plug, unit: W, stale: 1s}"),
    ("{when: alarm, do: stop, mode: act}", "{when: alarm, for: 3 of 5, do: stop, mode: advise}"),
    ("assets:\n", "models: {heat: {package: heat}}\nassets:\n"),
)


def heat(folder: Path) -> None:
    """score = temperature, four times a second; alarm from 90."""
    model = make.model([make.node("Flatten", "window", "score", axis=1)], window=("n", 1, 1))
    write(folder, "1.0.0", model, period_s=PERIOD_S, channel={"max_age_s": 1})


def replayed(daemon: Daemon, *options: str) -> Any:
    command = [sys.executable, "-m", "gateway", "replay", "--since", "1h", "--json"]
    done = subprocess.run(
        [*command, "--config", str(daemon.file), *options],
        capture_output=True,
        check=False,
        timeout=120,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "STATE_DIRECTORY": str(daemon.folder)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def made(daemon: Daemon) -> list[tuple[str, str]]:
    return daemon.rows("SELECT event, action FROM decision ORDER BY rowid")


def test_the_same_is_decided_again_by_model_and_fail_safe(tmp_path: Path, zigbee: Zigbee) -> None:
    heat(tmp_path / "heat")
    with Daemon(tmp_path, pump(zigbee.port, *CHANGES)) as daemon:
        zigbee.online()

        def feed(temperature: float, until: Callable[[], object], what: str) -> None:
            def one() -> object:
                zigbee.tell("probe", temperature=temperature)
                let_pass(0.1)
                return until()

            wait_until(one, what, 30)

        judged = "SELECT 1 FROM verdict WHERE rung = 'model:heat' AND label = 'normal'"
        feed(20.0, lambda: daemon.rows(judged), "the model judges")
        feed(95.0, lambda: ("raised", "stop") in made(daemon), "an alert")
        live = replayed(daemon)
        assert [one["mark"] for one in live["decisions"]] == ["="]
        feed(20.0, lambda: ("cleared", "") in made(daemon), "the all-clear")
        wait_until(lambda: ("fail_safe", "stop") in made(daemon), "the fail-safe")
        daemon.stop()
        tree = replayed(daemon)
        differs = [(one["mark"], one["differs"]) for one in tree["decisions"]]
        assert differs == [("=", [])] * len(made(daemon))
        raised = tree["decisions"][0]["would_be"]
        assert (raised["rung"], raised["label"], raised["score"]) == ("model:heat", "alarm", 95.0)
        assert tree["summary"]["now"]["fail_safe"] >= 1
        assert tree == replayed(daemon)


@pytest.mark.parametrize("mode", ["shadow", "advise"])
def test_a_policy_that_proves_itself_is_recorded_and_never_commands(
    tmp_path: Path, zigbee: Zigbee, mode: str
) -> None:
    """Shadow: recorded only. Advise: published, too. Of the fail-safe as of a policy."""
    safe = f"    fail_safe: {{after: 2s, do: stop, mode: {mode}}}\n    policy:\n"
    changes = (
        ("mode: act", f"mode: {mode}"),
        ("    policy:\n", safe),
        ("unit: degC}", "unit: degC, stale: 1s}"),
    )
    with Daemon(tmp_path, pump(zigbee.port, *changes)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: ("raised", "stop") in made(daemon), "the alert")
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: ("cleared", "") in made(daemon), "the all-clear")
        wait_until(lambda: ("fail_safe", "stop") in made(daemon), "the fail-safe")
        wait_until(lambda: len(explained(daemon)) == len(made(daemon)), "every explanation")
        daemon.stop()
        assert {row for (row,) in daemon.rows("SELECT mode FROM decision")} == {mode}
        published = [one["event"] for one in zigbee.heard("edge/here/asset/pump/decision")]
        wanted = [event for event, _ in made(daemon)] if mode == "advise" else []
        assert published == wanted
        assert bool(zigbee.heard("edge/here/asset/pump/alert")) == (mode == "advise")
        assert bool(zigbee.heard("edge/here/asset/pump/explanation")) == (mode == "advise")
        assert zigbee.orders == []
        assert daemon.commands() == []


def explained(daemon: Daemon) -> list[Any]:
    return daemon.rows("SELECT 1 FROM decision WHERE explanation IS NOT NULL")


def test_what_people_said_and_restarts_are_part_of_the_history(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    """A hold refuses then and now; a gateway that was stopped decided nothing, and does not now."""
    safe = "    fail_safe: {after: 2s, do: stop, mode: advise}\n    policy:\n"
    changes = (("    policy:\n", safe), ("unit: degC}", "unit: degC, stale: 1s}"))
    with Daemon(tmp_path, pump(zigbee.port, *changes)) as daemon:
        zigbee.online()
        hold = {"hold": True, "author": "eve", "reason": "test", "for": "1h"}
        zigbee.peer.publish("edge/here/asset/pump/override/set", json.dumps(hold))
        wait_until(lambda: daemon.logged("intervention_changed"), "the hold")
        let_pass(0.2)
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: ("raised", "stop") in made(daemon), "the alert")
        daemon.stop()
        let_pass(3)
        daemon.start()
        zigbee.online()
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: ("cleared", "") in made(daemon), "the all-clear")
        daemon.stop()
        tree = replayed(daemon)
        assert [(one["mark"], one["differs"]) for one in tree["decisions"]] == [("=", [])] * 2
        assert tree["decisions"][0]["would_be"]["refused"] == "hold"


def test_waveforms_are_replayed_with_their_samples(tmp_path: Path, broker: Mosquitto) -> None:
    with Press(broker.port) as sensor, Daemon(tmp_path, press(broker.port)) as daemon:
        sensor.online()
        wait_until(lambda: daemon.logged("model_loaded"), "the model")
        for seed in range(3):
            sensor.tell(samples("", 100 + seed))
        normal = "SELECT 1 FROM verdict WHERE label = 'normal'"
        wait_until(lambda: daemon.rows(normal), "a verdict")
        for seed in range(6):
            sensor.tell(samples("outer", 200 + seed))
        wait_until(lambda: made(daemon), "a decision")
        daemon.stop()
        tree = replayed(daemon)
        first = tree["decisions"][0]
        assert (first["mark"], first["differs"]) == ("=", [])
        assert first["would_be"]["rung"] == "model:bearing"
