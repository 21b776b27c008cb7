"""Several gateways on one broker: one commands each asset, another one when it is gone."""

import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.fleet import command as fleet_command
from tests.fakes.daemon import ROOT
from tests.fakes.fleet import SITE, Fleet, numbers, rows, trial
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.waiting import let_pass, wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto"),
    pytest.mark.slow,
]
FAIL_SAFE = ("    policy: [{when: alarm, do: stop, mode: act}]", "")


def _played(fleet: Fleet, seed: int, fault: str) -> None:
    """The short form of scripts/prove_fleet."""
    one = trial(fleet, random.Random(seed), fault)
    assert one.orders == [1] * fleet.pumps
    assert one.late_s < 10
    assert list(fleet.findings()) == []


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_each_alarm_is_acted_on_once_whoever_dies_or_sleeps(tmp_path: Path, fault: str) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        _played(fleet, 3, fault)


def test_a_broker_of_mqtt_3_fences_as_well(tmp_path: Path) -> None:
    with Fleet(tmp_path, broker=", protocol: 3.1.1") as fleet:
        fleet.start()
        _played(fleet, 4, "freeze")


@pytest.mark.parametrize("fault", ["no fence", "no books"])
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    """The control: without the fence, or without the books, an alarm is acted on twice."""
    with Fleet(tmp_path, fault=fault) as fleet:
        fleet.start()
        fleet.calm()
        first = fleet.plant.heat(5)
        owner = fleet.daemons[fleet.owner[5]]
        wait_until(lambda: fleet.plant.orders(5, first), "the first order")
        let_pass(0.5)  # the other one has judged it, too
        if fault == "no books":
            owner.kill()
        else:
            fleet.calm()
            owner.signal(signal.SIGSTOP)
            first = fleet.plant.heat(5)
            let_pass(7)
            owner.signal(signal.SIGCONT)
        wait_until(lambda: len(fleet.plant.orders(5, first)) > 1, "the second order")


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
        since = [fleet.plant.heat(pump) for pump in numbers(15)][0]
        wait_until(
            lambda: all(fleet.plant.orders(pump, since) for pump in numbers(15)), "every order"
        )
        let_pass(1)
        assert all(len(fleet.plant.orders(pump, since)) == 1 for pump in numbers(15))
        assert list(fleet.findings()) == []


def test_a_hold_is_kept_by_all_and_answered_once(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        fleet.calm()
        owner = fleet.owner[5]
        other = next(one for one in fleet.members if one != owner)
        topic = f"edge/{other}/asset/pump-5/override/set"
        fleet.plant.say(topic, hold=True, author="ann", reason="looking", transaction="t1")
        held = "SELECT count(*) FROM kept WHERE room = 'interventions'"
        for daemon in fleet.daemons.values():
            wait_until(lambda one=daemon: rows(one, held) == [(1,)], "it is kept")
        let_pass(0.5)
        said = [one.body for one in fleet.plant.heard if "/response/" in one.topic]
        assert [one["status"] for one in said] == ["ok"]
        fleet.daemons[owner].kill()
        wait_until(lambda: fleet.holder(owner) == other, "the other one commands")
        since = fleet.plant.heat(5)
        wait_until(
            lambda: rows(
                fleet.daemons[other],
                "SELECT 1 FROM decision WHERE asset = 'pump-5' AND mode = 'act'"
                " AND refused = 'hold'",
            ),
            "the hold forbids it",
        )
        assert fleet.plant.orders(5, since) == []


def test_who_was_away_takes_up_what_holds(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        fleet.calm()
        owner = fleet.owner[5]
        other = next(one for one in fleet.members if one != owner)
        fleet.daemons[other].stop()
        fleet.plant.say(f"edge/{owner}/stop/set", on=True, author="ann", reason="look")
        held = "SELECT count(*) FROM kept WHERE room = 'interventions'"
        wait_until(lambda: rows(fleet.daemons[owner], held) == [(1,)], "it is kept")
        fleet.daemons[other].start()
        wait_until(lambda: rows(fleet.daemons[other], held) == [(1,)], "it is taken up")


def test_a_person_commands_through_whoever_commands(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        fleet.calm()
        other = next(one for one in fleet.members if one != fleet.owner[5])
        since = time.monotonic()
        topic = f"edge/{other}/asset/pump-5/override/set"
        fleet.plant.say(topic, force="stop", author="ann", transaction="t2")
        wait_until(lambda: fleet.plant.orders(5, since), "the order")
        let_pass(0.5)
        assert len(fleet.plant.orders(5, since)) == 1
        said = [one for one in fleet.plant.heard if "/response/" in one.topic]
        assert [one.topic for one in said] == [f"edge/{other}/response/override"]
        assert said[0].body["status"] == "ok"
        assert list(fleet.findings()) == []


def test_an_orderly_stop_hands_over_at_once_and_gives_no_last_orders(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        for daemon in fleet.daemons.values():
            text = daemon.file.read_text()
            safe = "    fail_safe: {after: 1h, do: stop, mode: act, on_stop: true, on_death: 2s}\n"
            daemon.file.write_text(text.rstrip("\n") + "\n" + safe)
        fleet.start()
        fleet.calm()
        last = numbers(fleet.pumps)[-1]
        owner = fleet.owner[last]
        since = time.monotonic()
        fleet.daemons[owner].stop()
        wait_until(lambda: fleet.taken(owner, since, owner), "it is handed over", 10)
        let_pass(13)  # longer than a will of ``on_death`` waits
        assert fleet.plant.orders(last, since) == []


def test_a_death_that_another_one_covers_fires_no_will(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        for daemon in fleet.daemons.values():
            text = daemon.file.read_text()
            safe = "    fail_safe: {after: 1h, do: stop, mode: act, on_death: 2s}\n"
            daemon.file.write_text(text.rstrip("\n") + "\n" + safe)
        fleet.start()
        fleet.calm()
        last = numbers(fleet.pumps)[-1]
        owner = fleet.owner[last]
        armed = "SELECT text FROM kept WHERE room = 'fail_safe'"
        wait_until(
            lambda: any('"armed": true' in text for (text,) in rows(fleet.daemons[owner], armed)),
            "the will is there",
        )
        since = time.monotonic()
        fleet.daemons[owner].kill()
        let_pass(14)
        assert fleet.plant.orders(last, since) == []
        other = next(one for one in fleet.members if one != owner)
        fleet.daemons[other].kill()  # nobody is left: now it is due
        wait_until(lambda: fleet.plant.orders(last, since), "the will of the last one", 30)


def test_the_command_line_tells_who_commands(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        file = str(fleet.daemons["a"].file)
        told = CliRunner().invoke(fleet_command, ["--config", file, "--json"])
        assert told.exit_code == 0, told.output
        document = json.loads(told.output)
        assert {name: one["holder"] for name, one in document.items()} == {"a": "a", "b": "b"}
        listed = {asset: name for name, one in document.items() for asset in one["assets"]}
        assert listed == {f"pump-{n}": owner for n, owner in fleet.owner.items()}
        fleet.daemons["b"].kill()
        wait_until(lambda: fleet.holder("b") == "a", "a commands for b")
        told = CliRunner().invoke(fleet_command, ["--config", file])
        assert told.exit_code == 0, told.output
        (line,) = (one for one in told.output.splitlines() if one.startswith("b "))
        assert re.match(r"b +no +a +2 ", line), told.output


def test_health_says_who_commands(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        fleet.start()
        wanted = ["mosquitto_sub", "-p", str(fleet.mosquitto.port), "-C", "1", "-W", "20"]

        def health() -> dict[str, dict[str, object]]:
            said = subprocess.run([*wanted, "-t", "edge/a/health"], capture_output=True, check=True)
            return json.loads(said.stdout)["fleet"]["slots"]

        wait_until(lambda: health()["a"]["role"] == "commander", "it is shown")
        assert health()["b"] | {"assets": []} == {
            "holder": "b",
            "epoch": 1,
            "role": "standby",
            "line": ["b", "a"],
            "assets": [],
        }


def test_the_access_list_of_the_docs_lets_only_commanders_command(tmp_path: Path) -> None:
    page = (ROOT / "docs/fleet.md").read_text()
    (acl,) = re.findall(r"^```acl\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert acl == (ROOT / "config/mosquitto-fleet.acl").read_text()
    (tmp_path / "acl").write_text(acl)
    users = ("gateway-a", "gateway-b", f"{SITE}-commander", "zigbee2mqtt")
    for user in users:
        (tmp_path / user).write_text("secret\n")
        add = ["mosquitto_passwd", "-b", *(["-c"] if user == users[0] else [])]
        subprocess.run([*add, str(tmp_path / "passwords"), user, "secret"], check=True)
    lines = ("allow_anonymous false", f"password_file {tmp_path}/passwords")
    with Fleet(
        tmp_path,
        lines=(*lines, f"acl_file {tmp_path}/acl"),
        credentials=("zigbee2mqtt", "secret"),
    ) as fleet:
        for member, daemon in fleet.daemons.items():
            text = daemon.file.read_text()
            own = f", username: gateway-{member}, password_file: {tmp_path}/gateway-{member}}}}}"
            text = re.sub(r"(port: \d+)}}", rf"\1{own}", text)
            who = f"site: {SITE}, username: {SITE}-commander, "
            who += f"password_file: {tmp_path}/{SITE}-commander,"
            daemon.file.write_text(text.replace(f"site: {SITE},", who))
        fleet.start()
        _played(fleet, 5, "kill")
        publish = ["mosquitto_pub", "-p", str(fleet.mosquitto.port), "-P", "secret", "-V", "5"]
        asked = ["-q", "1", "-t", "zigbee2mqtt/plug-5/set", "-m", "x", "-d"]
        said = subprocess.run(
            [*publish, "-u", "gateway-a", *asked], capture_output=True, check=False
        )
        assert b"135" in said.stdout + said.stderr or b"uthorized" in said.stdout + said.stderr
