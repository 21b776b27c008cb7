"""A daemon that is killed at any point of a command's life; short versions of scripts/prove_*."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.commands import TRANSITIONS, State, Step
from tests.fakes import killed, killing
from tests.fakes.daemon import ROOT
from tests.fakes.killed import Plant
from tests.fakes.mosquitto import Mosquitto

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
