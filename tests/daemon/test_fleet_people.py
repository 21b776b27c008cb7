"""What people say to one gateway holds for all on its broker, and is done once."""

import signal
import time

import pytest

from tests.daemon.test_page import browser
from tests.fakes.fleet import SITE, Fleet, rows
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


def test_a_hold_is_kept_by_all_and_answered_once(pair: Fleet) -> None:
    owner, other = pair.whole()
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
    owner, other = pair.whole()
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
    owner, _ = pair.whole()
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
    _, other = pair.whole()
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


def test_the_page_of_any_member_decides_and_shows_who_commands(pair: Fleet) -> None:
    pytest.importorskip("uvicorn")
    owner, other = pair.whole()
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
