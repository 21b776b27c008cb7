"""Start, signals, restarts and the end."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.proxy import Proxy
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

MakeBroker = Callable[..., Mosquitto]
SECOND = """  fan:
    metrics:
      speed: {from: zigbee/fan, unit: rpm}
"""
PLANTED = """
import sys
from gateway.adapters.mqtt_session import Session

turn = Session._turn
def turn_that_fails(self):
    if self._desk.inbox.counters["received"] > 5:
        raise ZeroDivisionError("planted")
    turn(self)
Session._turn = turn_that_fails
from gateway.cli.main import main
main()
"""


@pytest.fixture
def zigbee(make_broker: MakeBroker) -> Iterator[Zigbee]:
    with Zigbee(make_broker("max_inflight_messages 200").start().port) as zigbee:
        yield zigbee


def events(zigbee: Zigbee) -> list[str]:
    return [document["event"] for document in zigbee.heard("edge/here/event")]


def test_told_to_end_in_a_stream_it_commits_acknowledges_and_says_goodbye(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        infos = [
            zigbee.peer._client.publish("zigbee2mqtt/plug", json.dumps({"power": number}), 1)
            for number in range(3000)
        ]
        wait_until(lambda: daemon.values("power"), "it is in the middle of it")
        assert daemon.stop(5) == 0
        assert "STOPPING=1" in daemon.notices
        wait_until(lambda: zigbee.availability == "offline", "it said goodbye")
        infos[-1].wait_for_publish(10)
        before = daemon.values("power")
        assert before == list(range(len(before)))
        daemon.start()
        wait_until(lambda: len(daemon.values("power")) >= 3000, "the rest")
        assert daemon.stop() == 0
        assert daemon.values("power") == list(range(3000))
        # What was stored before the end was acknowledged before it: nothing of it came again.
        assert daemon.rows("SELECT n FROM counter WHERE reason = 'duplicate'") == []


def test_told_to_end_while_the_line_is_silent_it_does_not_wait_for_long(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Proxy(zigbee.port) as proxy, Daemon(tmp_path, pump(proxy.port)) as daemon:
        zigbee.online()
        zigbee.tell("plug", power=1)
        wait_until(lambda: daemon.values("power") == [1], "it is stored")
        proxy.freeze()
        zigbee.tell("plug", power=2)
        assert daemon.stop(5) == 0


def test_a_good_file_is_taken_without_losing_what_was_known(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "it is stopped")
        daemon.file.write_text(pump(zigbee.port) + SECOND)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "configuration_loaded" in events(zigbee), "the new file")
        wait_until(lambda: zigbee.newest("asset/fan/state"), "the new asset")
        zigbee.tell("fan", speed=900)
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: daemon.values("speed") == [900], "it is heard")
        assert zigbee.newest("asset/pump/state")["alert"] is True
        assert daemon.stop() == 0
        assert daemon.rows("SELECT count(*) FROM decision") == [(1,)]
        assert len(zigbee.orders) == 1
        assert any(notice.startswith("RELOADING=1") for notice in daemon.notices)


SPOILT: dict[str, Callable[[str], str]] = {
    "did you mean": lambda text: text + "  fan: {metrics: {speed: {form: zigbee/fan}}}\n",
    "what is new needs brokers.b": lambda text: text.replace(
        "sources: {", "sources: {x: {bridge: tasmota, broker: b}, "
    ).replace("}}\nsources", "}, b: {host: 127.0.0.1}}\nsources"),
    "gateway.yaml:1": lambda _text: "][",
}


def test_a_bad_file_changes_nothing_and_the_reason_is_told(tmp_path: Path, zigbee: Zigbee) -> None:
    good = pump(zigbee.port)
    with Daemon(tmp_path, good) as daemon:
        zigbee.online()
        for count, (reason, spoil) in enumerate(SPOILT.items(), 1):
            daemon.file.write_text(spoil(good))
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: len(events(zigbee)) == count, "an event")  # noqa: B023
            assert events(zigbee)[-1] == "configuration_rejected"
            assert reason in zigbee.newest("event")["error"]
            assert reason in daemon.logged("configuration_rejected")[-1]["error"]
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "the old file holds")
        assert daemon.stop() == 0


def test_after_a_restart_limits_and_the_raised_alert_hold(tmp_path: Path, zigbee: Zigbee) -> None:
    text = pump(zigbee.port, ("mode: act", "mode: act, min_interval: 1h"))
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "it is stopped")
        daemon.kill()
        daemon.start()
        wait_until(lambda: zigbee.newest("asset/pump/state")["alert"], "the alert holds")
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: zigbee.newest("asset/pump/alert")["state"] == "clear", "all clear")
        zigbee.tell("probe", temperature=99)
        sql = "SELECT event, refused FROM decision ORDER BY id"
        wait_until(lambda: len(daemon.rows(sql)) == 3, "it is hot again")
        assert daemon.rows(sql) == [("raised", ""), ("cleared", ""), ("raised", "min_interval")]
        assert daemon.stop() == 0
        assert len(zigbee.orders) == 1


def test_the_registry_is_remembered_when_the_broker_forgot_it(
    tmp_path: Path, zigbee: Zigbee, make_broker: MakeBroker
) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        wait_until(lambda: daemon.rows("SELECT 1 FROM kept WHERE room = 'roster'"), "it is kept")
        daemon.kill()
        for topic in ("devices", "info", "state"):
            zigbee.peer.publish(f"zigbee2mqtt/bridge/{topic}", b"", retain=True)
        daemon.start()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "it passed the pre-flight")
        assert daemon.stop() == 0


def test_windows_are_rebuilt_and_the_first_new_row_is_judged(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    recipe = make.Recipe(
        make.model(*make.flat_tail("window", 20), window=("n", 20, 1)), rows=20, channels=1
    )
    document = make.document(recipe)
    channel = {"name": "power", "unit": "W", "range": [-9, 9], "max_age_s": 60}
    document["input"]["channels"] = [channel]
    document["input"]["period_s"] = 0.1
    document["input"]["min_coverage"] = 0
    make.write(tmp_path / "tiny", recipe, input=document["input"])
    text = pump(
        zigbee.port,
        ("    verdicts:\n", "    verdicts:\n      - {model: tiny}\n"),
        ("assets:\n", "models: {tiny: {package: tiny}}\nassets:\n"),
    )
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()

        def judged() -> bool:
            zigbee.tell("plug", power=len(daemon.values("power")) / 100)
            return "model:tiny" in rungs(daemon)

        wait_until(judged, "20 rows are in")
        assert daemon.stop() == 0
        before = len(daemon.logged("verdict_changed"))
        daemon.start()
        zigbee.tell("plug", power=1)
        wait_until(lambda: len(daemon.logged("verdict_changed")) > before, "a verdict")
        assert rungs(daemon)[before] == "model:tiny"
        assert daemon.stop() == 0


def rungs(daemon: Daemon) -> list[str]:
    return [entry["rung"] for entry in daemon.logged("verdict_changed")]


def test_a_fail_safe_is_done_once_after_silence_and_never_before_fresh_evidence(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    text = pump(zigbee.port) + "    fail_safe: {after: 500ms, do: stop, mode: act}\n"
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        let_pass(0.9)
        assert daemon.rows("SELECT 1 FROM decision") == []
        zigbee.tell("plug", power=500)  # the rule asks for a temperature: no rung answers
        zigbee.obey()
        sql = "SELECT policy, event, mode, action FROM decision"
        wait_until(lambda: daemon.states() == ["confirmed"], "it is stopped")
        assert daemon.rows(sql) == [("pump/fail_safe", "fail_safe", "act", "stop")]
        let_pass(0.9)
        assert len(daemon.rows(sql)) == 1
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: len(daemon.rows(sql)) == 2, "silent again after an answer")
        wait_until(lambda: len(zigbee.orders) == 2, "and ordered again")
        daemon.kill()
        daemon.start()
        zigbee.online()
        let_pass(0.9)
        assert len(daemon.rows(sql)) == 2
        assert daemon.stop() == 0
        assert len(zigbee.orders) == 2


def test_a_network_thread_that_dies_ends_the_daemon_with_an_error(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port), program=("-c", PLANTED)) as daemon:
        zigbee.online()
        for number in range(6):
            zigbee.tell("plug", power=number)
        assert daemon.ended() != 0
        assert "planted" in daemon.text
        daemon.launch()
        wait_until(lambda: daemon.notices.count("READY=1") == 2, "it starts again")


def test_what_cannot_be_read_is_kept_counted_and_acknowledged_and_harms_nothing_else(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        hostile = "zigbee2mqtt/\u202ea/../../etc/ü 🔥"
        bad = {
            "zigbee2mqtt/plug": b'{"power": 1',
            hostile: b"\xff\x00{",
            "zigbee2mqtt/x": b"[" * 99,
        }
        for topic, payload in bad.items():
            zigbee.peer.publish(topic, payload)
            zigbee.tell("probe", temperature=len(payload) / 10)
        wait_until(lambda: len(daemon.values("temperature")) == 3, "the others live")
        kept = daemon.rows("SELECT topic, payload, source FROM reject ORDER BY id")
        assert kept == [(topic, payload, "zigbee") for topic, payload in bad.items()]
        ((count,),) = daemon.rows("SELECT sum(n) FROM counter WHERE scope = 'zigbee'")
        assert count == 3
        assert daemon.stop() == 0
        daemon.start()
        zigbee.tell("plug", power=5)
        wait_until(lambda: daemon.values("power") == [5], "nothing was delivered again")
        assert len(daemon.rows("SELECT 1 FROM reject")) == 3
        assert daemon.stop() == 0
