"""Alarms in virtual time break no rule: scripts/prove_alarms in short, and what it found."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT, pump
from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]


def alarms(*options: str) -> tuple[int, dict[str, object]]:
    program = [sys.executable, "scripts/prove_alarms", "--jobs", "1", *options]
    done = subprocess.run(
        program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


def test_alarms_in_virtual_time_break_no_rule_and_the_same_seed_is_the_same_life() -> None:
    code, result = alarms("--alarms", "120", "--lives", "1", "--twice")
    assert (code, result.get("findings"), result.get("not_the_same_again")) == (0, [], []), result
    assert int(str(result["sent"])) > 10


@pytest.mark.parametrize("control", ["repeats", "without exclusions"])
def test_the_oracle_of_the_alarms_finds_a_planted_fault(control: str) -> None:
    code, result = alarms("--alarms", "150", "--lives", "1", "--control", control)
    assert code == 0, result


def test_a_command_that_is_stored_too_late_is_not_published(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    clock = Clocks()
    with Zigbee(make_broker().start().port) as zigbee:
        brief = ("        to: zigbee/plug\n", "        to: zigbee/plug\n        expires: 1s\n")
        (tmp_path / "gateway.yaml").write_text(pump(zigbee.port, brief))
        with Inside(tmp_path / "gateway.yaml", clock) as daemon:
            zigbee.online()
            wait_until(lambda: daemon.rows("SELECT 1 FROM kept"), "the store is in use")
            other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, timeout=10)
            other.execute("BEGIN IMMEDIATE")  # nothing can be committed
            zigbee.tell("probe", temperature=95)
            wait_until(lambda: open_commands(daemon), "a command is being stored")
            clock.pass_ms(2_000)
            other.rollback()
            other.close()
            wait_until(lambda: daemon.states() == ["failed"], "it is not published")
            ((_, reason),) = daemon.commands()
            # a machine that is slow may not have let go of the store in time
            assert reason in {
                "not sent in time; nothing was published",
                "store did not answer; nothing was published",
            }
            assert zigbee.orders == []


def test_a_command_that_ends_while_it_is_stored_is_not_published(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    failed = {"level": "error", "message": "Publish 'set' 'state' to 'plug' failed: 'no'"}
    with Zigbee(make_broker().start().port) as zigbee:
        (tmp_path / "gateway.yaml").write_text(pump(zigbee.port))
        with Inside(tmp_path / "gateway.yaml", Clocks()) as daemon:
            zigbee.online()
            wait_until(lambda: daemon.rows("SELECT 1 FROM kept"), "the store is in use")
            other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, timeout=10)
            other.execute("BEGIN IMMEDIATE")  # nothing can be committed
            zigbee.tell("probe", temperature=95)
            wait_until(lambda: open_commands(daemon), "a command is being stored")
            zigbee.peer.publish("zigbee2mqtt/bridge/logging", json.dumps(failed))
            wait_until(lambda: not open_commands(daemon), "somebody says that it failed")
            other.rollback()
            other.close()
            wait_until(lambda: daemon.states() == ["failed"], "it has ended")
            zigbee.tell("probe", temperature=96)
            wait_until(lambda: 96 in daemon.values("temperature"), "life goes on")
            assert zigbee.orders == []


def open_commands(daemon: Inside) -> int:
    """How many commands the daemon in this process watches."""
    assert daemon.daemon is not None
    return len(daemon.daemon.parts.docket.orders)
