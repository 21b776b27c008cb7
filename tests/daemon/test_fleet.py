"""Several gateways on one broker: one commands each asset, another one when it is gone."""

import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.fail_safe import command as fail_safe_command
from gateway.cli.fleet import command as fleet_command
from tests.daemon.test_page import browser
from tests.fakes.daemon import ROOT
from tests.fakes.fleet import SITE, Fleet, numbers, rows, trial
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.page import frames
from tests.fakes.ports import free_port
from tests.fakes.waiting import let_pass, wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto"),
    pytest.mark.slow,
]
HELD = "SELECT count(*) FROM kept WHERE room = 'interventions'"
SAFE = "    fail_safe: {after: 1h, do: stop, mode: act, on_stop: true, on_death: 2s}\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two gateways; each test leaves both running."""
    with Fleet(tmp_path_factory.mktemp("pair")) as fleet:
        fleet.start()
        yield fleet


def _whole(fleet: Fleet) -> tuple[str, str]:
    """Everything runs and is normal; who commands the first pump, and who does not."""
    fleet.settled()
    fleet.calm()
    owner = fleet.owner[5]
    return owner, next(one for one in fleet.members if one != owner)


def _played(fleet: Fleet, seed: int, fault: str) -> None:
    """The short form of scripts/prove_fleet."""
    one = trial(fleet, random.Random(seed), fault)
    assert one.orders == [1] * fleet.pumps
    assert one.late_s < 10
    assert list(fleet.findings()) == []


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_each_alarm_is_acted_on_once_whoever_dies_or_sleeps(pair: Fleet, fault: str) -> None:
    _played(pair, 3, fault)


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


def test_a_broker_that_forgot_everything_has_one_commander_for_each(pair: Fleet) -> None:
    _whole(pair)
    pair.restart_broker()
    _played(pair, 6, "kill")


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


# -- people --------------------------------------------------------------------------------------


def test_a_hold_is_kept_by_all_and_answered_once(pair: Fleet) -> None:
    owner, other = _whole(pair)
    since = time.monotonic()
    topic = f"edge/{other}/asset/pump-5/override/set"
    pair.plant.say(topic, hold=True, author="ann", reason="looking", transaction="t1")
    for daemon in pair.daemons.values():
        wait_until(lambda one=daemon: rows(one, HELD) == [(1,)], "it is kept")
    let_pass(0.5)
    assert [one.body["status"] for one in pair.answers(since)] == ["ok"]
    pair.daemons[owner].kill()
    wait_until(lambda: pair.holder(owner) == other, "the other one commands")
    hot = pair.plant.heat(5)
    refused = "SELECT 1 FROM decision WHERE asset = 'pump-5' AND mode = 'act' AND refused = 'hold'"
    wait_until(lambda: rows(pair.daemons[other], refused), "the hold forbids it")
    assert pair.plant.orders(5, hot) == []
    pair.plant.tell("probe-5", temperature=20)
    pair.plant.say(topic, hold=False, author="ann")
    pair.daemons[owner].start()
    for daemon in pair.daemons.values():
        wait_until(lambda one=daemon: rows(one, HELD) == [(0,)], "it is over for all")


def test_who_was_away_takes_up_what_holds(pair: Fleet) -> None:
    owner, other = _whole(pair)
    pair.daemons[other].stop()
    pair.plant.say(f"edge/{owner}/stop/set", on=True, author="ann", reason="look")
    wait_until(lambda: rows(pair.daemons[owner], HELD) == [(1,)], "it is kept")
    pair.daemons[other].start()
    wait_until(lambda: rows(pair.daemons[other], HELD) == [(1,)], "it is taken up")
    pair.plant.say(f"edge/{other}/stop/set", on=False, author="ann")
    for daemon in pair.daemons.values():
        wait_until(lambda one=daemon: rows(one, HELD) == [(0,)], "it is over for all")


def test_who_takes_a_slot_again_says_again_what_holds(pair: Fleet) -> None:
    """Nothing holds either time; but whoever was there meanwhile may have said something else."""
    owner, _ = _whole(pair)
    topic = f"fleet/{SITE}/slot/{owner}/standing"
    for _ in range(2):
        since = time.monotonic()
        pair.daemons[owner].stop()
        wait_until(lambda since=since: pair.taken(owner, since, owner), "the other one commands")
        wait_until(lambda since=since: pair.said(topic, since), "what holds", 10)
        assert pair.said(topic, since)[0].body["held"] == []
        pair.daemons[owner].start()
        pair.settled()


def test_a_person_commands_through_whoever_commands(pair: Fleet) -> None:
    _, other = _whole(pair)
    since = time.monotonic()
    topic = f"edge/{other}/asset/pump-5/override/set"
    pair.plant.say(topic, force="stop", author="ann", transaction="t2")
    wait_until(lambda: pair.plant.orders(5, since), "the order")
    let_pass(0.5)
    assert len(pair.plant.orders(5, since)) == 1
    pair.plant.say(f"edge/{other}/asset/pump-99/override/set", force="stop", transaction="t3")
    wait_until(lambda: len(pair.answers(since)) > 1, "the answer about an asset that is not there")
    let_pass(0.5)
    said, unknown = pair.answers(since)
    assert (unknown.topic, unknown.body["status"]) == (f"edge/{other}/response/override", "error")
    assert (said.topic, said.body["status"]) == (f"edge/{other}/response/override", "ok")
    assert list(pair.findings()) == []


# -- death and stop ------------------------------------------------------------------------------


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


# -- what is shown -------------------------------------------------------------------------------


def test_the_command_line_tells_who_commands(pair: Fleet) -> None:
    _whole(pair)
    file = str(pair.daemons["a"].file)
    told = CliRunner().invoke(fleet_command, ["--config", file, "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.output)
    assert {name: one["holder"] for name, one in document.items()} == {"a": "a", "b": "b"}
    listed = {asset: name for name, one in document.items() for asset in one["assets"]}
    assert listed == {f"pump-{n}": owner for n, owner in pair.owner.items()}
    pair.daemons["b"].kill()
    wait_until(lambda: pair.holder("b") == "a", "a commands for b")
    told = CliRunner().invoke(fleet_command, ["--config", file])
    assert told.exit_code == 0, told.output
    (line,) = (one for one in told.output.splitlines() if one.startswith("b "))
    assert re.match(r"b +no +a +\d+ ", line), told.output
    pair.daemons["b"].start()


def test_health_says_who_commands(pair: Fleet) -> None:
    _whole(pair)
    wanted = ["mosquitto_sub", "-p", str(pair.mosquitto.port), "-C", "1", "-W", "20"]

    def health() -> dict[str, dict[str, object]]:
        said = subprocess.run([*wanted, "-t", "edge/a/health"], capture_output=True, check=True)
        return json.loads(said.stdout)["fleet"]["slots"]

    wanted_roles = {"a": "commander", "b": "standby"}
    wait_until(
        lambda: {name: one["role"] for name, one in health().items()} == wanted_roles, "it is shown"
    )
    shown = health()["b"]
    assert shown["line"] == ["b", "a"]
    assert shown["assets"] == [f"pump-{n}" for n, owner in pair.owner.items() if owner == "b"]


def test_the_page_of_any_member_decides_and_shows_who_commands(pair: Fleet) -> None:
    pytest.importorskip("uvicorn")
    owner, other = _whole(pair)
    daemon, web = pair.daemons[other], free_port()
    text = daemon.file.read_text()
    section = f'web: {{listen: "127.0.0.1:{web}", guest: operator}}\nassets:'
    daemon.file.write_text(text.replace("assets:", section, 1))
    daemon.signal(signal.SIGHUP)
    since = time.monotonic()
    with browser(web) as client:

        def shown() -> dict[str, dict[str, str]]:
            return dict(frames(client, "asset/pump-5", 1)[0][1])

        wait_until(lambda: "fleet" in shown(), "who commands", 40)
        assert shown()["fleet"] == {"holder": owner, "role": "standby"}
        asked = {"force": "stop", "reason": "smoke"}
        forced = client.post("/api/assets/pump-5/override", json=asked)
        assert forced.json()["data"]["state"] == "sent"  # the answer of who commands it
        wait_until(lambda: pair.plant.orders(5, since), "the order")
        held = client.post("/api/assets/pump-5/override", json={"hold": True, "reason": "seal"})
        assert held.status_code == 200
        for one in pair.daemons.values():
            wait_until(lambda one=one: rows(one, HELD) == [(1,)], "it is kept by all")
        assert client.post("/api/assets/pump-5/override", json={"hold": False}).status_code == 200
        for one in pair.daemons.values():
            wait_until(lambda one=one: rows(one, HELD) == [(0,)], "it is over for all")
    daemon.file.write_text(text)
    daemon.signal(signal.SIGHUP)
    assert len(pair.plant.orders(5, since)) == 1


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
