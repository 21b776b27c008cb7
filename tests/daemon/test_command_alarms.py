"""Alarms in virtual time break no rule: scripts/prove_alarms in short, and what it found."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT, pump
from tests.fakes.inside import Clocks, Inside, inside
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


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


@contextmanager
def unstored(zigbee: Zigbee, daemon: Inside) -> Iterator[None]:
    """A command that is being stored, while nothing can be."""
    zigbee.online()
    wait_until(lambda: daemon.rows("SELECT 1 FROM kept"), "the store is in use")
    other = sqlite3.connect(daemon.folder / "gateway.db", isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")  # nothing can be committed
    zigbee.tell("probe", temperature=95)
    wait_until(lambda: open_commands(daemon), "a command is being stored")
    yield
    other.rollback()
    other.close()


def test_a_command_that_is_stored_too_late_is_not_published(tmp_path: Path, zigbee: Zigbee) -> None:
    clock = Clocks()
    brief = ("        to: zigbee/plug\n", "        to: zigbee/plug\n        expires: 1s\n")
    with inside(tmp_path, pump(zigbee.port, brief), clock) as daemon:
        with unstored(zigbee, daemon):
            clock.pass_ms(2_000)
        wait_until(lambda: daemon.states() == ["failed"], "it is not published")
        ((_, reason),) = daemon.commands()
        # a machine that is slow may not have let go of the store in time
        assert reason in {
            "not sent in time; nothing was published",
            "store did not answer; nothing was published",
        }
        assert zigbee.orders == []


def test_a_command_that_ends_while_it_is_stored_is_not_published(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    failed = {"level": "error", "message": "Publish 'set' 'state' to 'plug' failed: 'no'"}
    with inside(tmp_path, pump(zigbee.port)) as daemon:
        with unstored(zigbee, daemon):
            zigbee.peer.publish("zigbee2mqtt/bridge/logging", json.dumps(failed))
            wait_until(lambda: not open_commands(daemon), "somebody says that it failed")
        wait_until(lambda: daemon.states() == ["failed"], "it has ended")
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: 96 in daemon.values("temperature"), "life goes on")
        assert zigbee.orders == []


def open_commands(daemon: Inside) -> int:
    """How many commands the daemon in this process watches."""
    assert daemon.daemon is not None
    return len(daemon.daemon.parts.docket.orders)
