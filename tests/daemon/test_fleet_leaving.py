"""Who leaves hands over its own assets; what is declared for a death waits for the last one."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.fail_safe import command as fail_safe_command
from tests.fakes.fleet import Fleet, numbers, rows
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.waiting import let_pass, wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto"),
    pytest.mark.slow,
]
SAFE = "    fail_safe: {after: 1h, do: stop, mode: act, on_stop: true, on_death: 2s}\n"


def test_only_the_assets_of_who_leaves_move(tmp_path: Path) -> None:
    members = ("a", "b", "c", "d", "e")
    with Fleet(tmp_path, members, pumps=15) as fleet:
        fleet.start()
        assert len({*fleet.owner.values()}) >= 4
        before = {slot: len({one.body["epoch"] for one in fleet.states(slot)}) for slot in members}
        left = fleet.owner[5]
        fleet.daemons[left].stop()
        wait_until(lambda: fleet.holder(left) not in ("", left), "its slot is held")
        stayed = [slot for slot in members if slot != left]
        assert {slot: fleet.holder(slot) for slot in stayed} == {slot: slot for slot in stayed}
        after = {slot: len({one.body["epoch"] for one in fleet.states(slot)}) for slot in stayed}
        assert after == {slot: before[slot] for slot in stayed}
        fleet.plant.calm()
        fleet.judged("normal", stayed)
        since = time.monotonic()
        for pump in numbers(15):
            fleet.plant.heat(pump)
        wait_until(
            lambda: all(fleet.plant.orders(pump, since) for pump in numbers(15)), "every order"
        )
        let_pass(1)
        assert all(len(fleet.plant.orders(pump, since)) == 1 for pump in numbers(15))
        assert list(fleet.findings()) == []


def test_what_is_declared_for_a_death_waits_for_the_last_one(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        for daemon in fleet.daemons.values():
            daemon.file.write_text(daemon.file.read_text().rstrip("\n") + "\n" + SAFE)
        fleet.start()
        fleet.calm()
        last = numbers(fleet.pumps)[-1]
        owner = fleet.owner[last]
        other = next(one for one in fleet.members if one != owner)
        since = time.monotonic()
        fleet.daemons[owner].stop()
        wait_until(lambda: fleet.taken(owner, since, owner), "it is handed over at once", 10)
        assert fleet.plant.orders(last, since) == []
        fleet.daemons[owner].start()
        fleet.settled()
        fleet.plant.calm()  # nothing is left with the broker before something is known
        armed = "SELECT text FROM kept WHERE room = 'fail_safe'"
        wait_until(
            lambda: any('"armed": true' in text for (text,) in rows(fleet.daemons[owner], armed)),
            "the will is there",
        )
        fleet.daemons[owner].kill()
        wait_until(lambda: fleet.holder(owner) == other, "the other one commands")
        asked = ["--config", str(fleet.daemons[owner].file), "--now"]
        told = CliRunner().invoke(fail_safe_command, asked)
        assert f"pump-{last}: fleet: {other} commands it" in told.output
        let_pass(14)  # longer than the will of who died would have waited
        assert fleet.plant.orders(last, since) == []
        fleet.daemons[other].kill()  # nobody is left: now it is due
        wait_until(lambda: fleet.plant.orders(last, since), "the will of the last one", 30)
