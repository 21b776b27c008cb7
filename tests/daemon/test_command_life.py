"""A daemon that is killed at any point of a command's life; short versions of scripts/prove_*."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.commands import TRANSITIONS, State, Step
from tests.fakes import killed, killing
from tests.fakes.daemon import ROOT, pump
from tests.fakes.inside import Clocks, Inside
from tests.fakes.killed import Plant
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]
SHORT = ("storing sent", "stored sent", "on the wire", "stored accepted", "written confirmed")
"""Where most depends on it; scripts/prove_commands dies at every point."""


def test_every_move_and_every_state_of_the_table_has_its_point_and_a_road_to_it() -> None:
    points = killing.points()
    for state, steps in TRANSITIONS.items():
        for step in steps:
            named = f"made {state.value}>{step.value}" in points
            assert named or (state, step) in killing.NEVER, (state, step)
    kept = {point.partition(" ")[2] for point in points if point.startswith("stored ")}
    assert kept | {state.value for state in killing.BRIEF} == {state.value for state in State}
    assert all(killed.road_to(point) for point in points)


def test_what_no_point_is_for_cannot_happen() -> None:
    """``checked`` leads to ``stored`` in one expression; neither it nor ``proposed`` is kept."""
    assert {(State.CHECKED, Step.REFUSE)} == killing.NEVER
    act = (ROOT / "gateway/daemon/act.py").read_text()
    assert "step(step(command, Step.CHECK), Step.STORE)" in act
    assert act.count("Step.CHECK)") == 1


@pytest.fixture
def brokers(make_broker: MakeBroker) -> list[Mosquitto]:
    return [make_broker().start(), make_broker().start()]


def test_killed_at_a_point_it_sends_nothing_twice_and_forgets_nothing(
    tmp_path: Path, brokers: list[Mosquitto]
) -> None:
    with Plant(tmp_path, *brokers) as plant:
        reached = {point: plant.kill_at(point) for point in SHORT}
        assert all(reached.values()), reached
        assert plant.daemon.stop() == 0
        assert killed.findings(plant) == []
        assert plant.passed() <= {*killing.points()}


@pytest.mark.skipif("PROVE_ALL" not in os.environ, reason="takes minutes: PROVE_ALL=1")
def test_killed_at_every_point_it_sends_nothing_twice_and_forgets_nothing(
    tmp_path: Path, brokers: list[Mosquitto]
) -> None:
    with Plant(tmp_path, *brokers) as plant:
        reached = {point: plant.kill_at(point) for point in killing.points()}
        assert all(reached.values()), reached
        assert plant.daemon.stop() == 0
        assert killed.findings(plant) == []


@pytest.mark.parametrize(
    ("fault", "point", "finding"),
    [
        ("publish first", "storing sent", "on the wire, and not in the store"),
        ("send again", "on the wire", "2 times on the wire"),
    ],
)
def test_the_rig_finds_a_daemon_that_stores_too_late_or_sends_again(
    tmp_path: Path, brokers: list[Mosquitto], fault: str, point: str, finding: str
) -> None:
    with Plant(tmp_path, *brokers, fault) as plant:
        plant.kill_at(point)
        plant.daemon.stop()
        assert any(finding in one for one in killed.findings(plant))


def test_a_row_that_is_taken_away_breaks_the_chain(
    tmp_path: Path, brokers: list[Mosquitto]
) -> None:
    with Plant(tmp_path, *brokers) as plant:
        plant.hot()
        plant.sent(1)
        plant.answer()
        plant.is_in(State.CONFIRMED)
        plant.daemon.stop()
        assert killed.findings(plant) == []
        other = sqlite3.connect(tmp_path / "gateway.db")
        other.execute("DELETE FROM command")
        other.commit()
        other.close()
        assert any("row missing" in one for one in killed.broken(tmp_path))


# -- alarms ---------------------------------------------------------------------------------------


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


# -- what was found by them -----------------------------------------------------------------------


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
