"""What is done when nothing is known, and when the gateway is stopped; and that it says why."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT, Daemon
from tests.fakes.dying import text
from tests.fakes.inside import Clocks, inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.people import done
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

MODEL = "      - {model: tiny, channels: {c0: power}}"
SAFE_WORKER = "after: 1h, worker: 1s, do: stop"


def causes(daemon: Records) -> list[str]:
    rows = daemon.rows("SELECT verdict FROM decision WHERE event = 'fail_safe' ORDER BY rowid")
    return [json.loads(verdict)["cause"] for (verdict,) in rows]


def test_stale_inputs_are_a_cause_and_are_named(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    stale = ("degC}", "degC, stale: 1s}")
    with inside(tmp_path, text(broker, "after: 2s, do: stop", stale)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=40)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert causes(daemon) == ["stale: temperature"]
        wait_until(lambda: zigbee.newest("asset/pump/decision"), "it is announced")
        assert zigbee.newest("asset/pump/decision")["cause"] == "stale: temperature"
        assert zigbee.newest("asset/pump/command")["by"] == "fail_safe"


def modelled(folder: Path, broker: Mosquitto, safe: str, *ladder: tuple[str, str]) -> str:
    """The pump with a model of its power, which it knows up to 100 W."""
    recipe = make.one_cell(*make.flat_tail("window", 1))
    held = {"name": "c0", "unit": "W", "range": [0, 100], "max_age_s": 3600}
    document = make.document(recipe)["input"] | {"channels": [held], "period_s": 0.05}
    make.write(folder / "tiny", recipe, input=document | {"min_coverage": 0})
    return text(broker, safe, *ladder) + "models: {tiny: {package: tiny}}\n"


def test_no_rung_that_answers_is_a_cause_and_each_says_why(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    only = ('      - {rule: "temperature > 90", label: alarm}', MODEL)
    written = modelled(tmp_path, broker, "after: 2s, do: stop", only)
    with Daemon(tmp_path, written) as daemon:
        zigbee.online()

        def far_outside() -> bool:
            zigbee.tell("plug", state="ON", power=1200)
            return bool(causes(daemon))

        wait_until(far_outside, "the fail-safe")
        assert causes(daemon)[0].startswith("unanswered: model:tiny ")


def test_a_worker_that_is_dead_beyond_its_limit_is_a_cause_whatever_rules_say(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    both = ("      - {rule:", f"{MODEL}\n      - {{rule:")
    with Daemon(tmp_path, modelled(tmp_path, broker, SAFE_WORKER, both)) as daemon:
        zigbee.online()

        def killed() -> bool:
            """It is killed as soon as it is there again, while the plug reports."""
            zigbee.tell("plug", state="ON", power=12)
            zigbee.tell("probe", temperature=20)
            pid = daemon.worker_pid()
            if pid:
                os.kill(pid, signal.SIGKILL)
            return bool(causes(daemon))

        wait_until(killed, "the fail-safe")
        first = causes(daemon)[0]
        assert first.startswith("worker: no model can be asked for ")
        wait_until(lambda: zigbee.orders, "the order")
        assert "rule:2" in {entry["rung"] for entry in daemon.logged("verdict_changed")}


def test_the_fail_safe_is_done_once_and_again_only_after_a_rung_answered(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    clock = Clocks()
    stale = ("degC}", "degC, stale: 1m}")
    with inside(tmp_path, text(broker, "after: 5m, do: stop", stale), clock) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: daemon.values("temperature") == [40], "something is known")
        for _ in range(3):
            clock.pass_ms(400_000)
            zigbee.obey()
            wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert len(causes(daemon)) == 1
        zigbee.tell("probe", temperature=41)
        wait_until(lambda: len(daemon.values("temperature")) == 2, "it speaks again")
        wait_until(lambda: zigbee.newest("asset/pump/state").get("label") == "normal", "it is well")
        clock.pass_ms(400_000)
        wait_until(lambda: len(causes(daemon)) == 2, "the second")


def test_after_a_start_nothing_is_commanded_before_something_fresh_is_known(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    zigbee.peer.publish("zigbee2mqtt/probe", json.dumps({"temperature": 99}), retain=True)
    clock = Clocks()
    safe = "after: 1m, do: stop, on_stop: true"
    with inside(tmp_path, text(broker, safe), clock) as daemon:
        zigbee.online()
        wait_until(lambda: daemon.values("temperature") == [99], "the retained value is stored")
        clock.pass_ms(600_000)
        zigbee.tell("other", power=1)
        wait_until(lambda: zigbee.newest("health"), "a while")
        daemon.stop()
        assert (daemon.commands(), causes(daemon), zigbee.orders) == ([], [], [])


# -- at a stop ---------------------------------------------------------------------------------

STOP = "after: 1h, do: stop, on_stop: true"


def known(zigbee: Zigbee, daemon: Records, **values: object) -> None:
    zigbee.tell("plug", **{"state": "ON", "power": 1200, **values})
    wait_until(lambda: daemon.values("power"), "something is known")


def test_a_stop_does_what_the_file_says_and_waits_for_its_proof(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker, STOP)) as daemon:
        known(zigbee.online(), daemon)
        daemon.signal(15)
        zigbee.obey()
        assert daemon.ended() == 0
        assert daemon.states() == ["confirmed"]
        assert causes(daemon) == ["stop: the gateway is being stopped"]
        assert zigbee.orders == [{"state": "OFF"}]
        kinds = [kind for (kind,) in daemon.rows("SELECT kind FROM audit")]
        assert (kinds.count("command"), kinds.count("gateway")) == (3, 2)


def test_a_replay_leaves_out_what_was_done_for_the_gateways_own_end(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker, STOP)) as daemon:
        known(zigbee.online(), daemon)
        daemon.signal(15)
        zigbee.obey()
        assert daemon.ended() == 0
        command = [sys.executable, "-m", "gateway", "replay", "--since", "1h", "--json"]
        said = subprocess.run(
            [*command, "--config", str(daemon.file)],
            capture_output=True,
            check=False,
            timeout=120,
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "STATE_DIRECTORY": str(daemon.folder)},
        )
        assert said.returncode == 0, said.stderr
        tree = json.loads(said.stdout)
        assert tree["decisions"] == []
        assert "1 fail-safes for the gateway's own end are not replayed" in tree["notes"]


def test_a_stop_without_an_answer_ends_in_time_and_the_next_start_finds_out(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker, STOP)) as daemon:
        known(zigbee.online(), daemon)
        assert daemon.stop() == 0
        assert daemon.states() == ["sent"]
        daemon.start()
        zigbee.online().tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert len(zigbee.orders) == 1


@pytest.mark.parametrize("safe", ["after: 1h, do: stop", STOP])
def test_a_stop_is_silent_where_nothing_is_declared_or_somebody_forbids_it(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, safe: str
) -> None:
    with Daemon(tmp_path, text(broker, safe)) as daemon:
        known(zigbee.online(), daemon)
        if safe == STOP:
            done(zigbee, "stop", on=True)
        assert daemon.stop() == 0
        assert (daemon.commands(), zigbee.orders) == ([], [])
        refused = daemon.rows("SELECT refused FROM decision WHERE event = 'fail_safe'")
        assert refused == ([("stopped",)] if safe == STOP else [])


def test_no_policy_undoes_what_a_stop_did(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    start = ("    actions:\n", "    actions:\n      start: {to: zigbee/plug, set: {state: ON}}\n")
    do = ("do: stop, mode: act}\n", "do: start, mode: act}\n")
    with Daemon(tmp_path, text(broker, STOP, start, do)) as daemon:
        known(zigbee.online(), daemon)
        daemon.signal(15)
        wait_until(lambda: zigbee.orders, "the stop")
        zigbee.tell("probe", temperature=95)
        zigbee.tell("plug", state="OFF", power=0.2)
        assert daemon.ended() == 0
        assert zigbee.orders == [{"state": "OFF"}]
