"""Sources that send too much, and devices that flood or claim to be others, through the daemon."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

QUIET = ("zigbee2mqtt, broker: local", "zigbee2mqtt, broker: local, limits: {LIMITS}")
ZIGBEE = "{zigbee: {bridge: zigbee2mqtt, broker: local}}"
CHIRPSTACK = "{bridge: chirpstack, broker: local, keep: all"
LORA = (
    f"sources: {ZIGBEE}",
    f"sources: {ZIGBEE[:-1]}, lora: {CHIRPSTACK}}}, field: {CHIRPSTACK}, application: field}}}}",
)
SHORT = ("store:", "security: {quarantine: 1s}\nstore:")


def limited(port: int, limits: str, *changes: tuple[str, str]) -> str:
    return pump(port, (QUIET[0], QUIET[1].replace("LIMITS", limits)), *changes)


def events(zigbee: Zigbee, kind: str) -> list[Any]:
    return [one for one in zigbee.heard("edge/here/event") if one["event"] == kind]


def ask(zigbee: Zigbee, **fields: object) -> Any:
    count = len(zigbee.heard("edge/here/response/quarantine"))
    zigbee.peer.publish("edge/here/request/quarantine", json.dumps(fields))
    wait_until(lambda: len(zigbee.heard("edge/here/response/quarantine")) > count, "an answer")
    return zigbee.heard("edge/here/response/quarantine")[-1]


def counted(daemon: Daemon, reason: str) -> int:
    found = daemon.rows("SELECT sum(n) FROM counter WHERE reason = ?", reason)
    return (found[0][0] or 0) if found else 0


def test_what_is_too_large_is_refused_counted_and_shown(tmp_path: Path, zigbee: Zigbee) -> None:
    text = limited(zigbee.port, "max_payload: 8kB, max_topic: 64")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20, pad="x" * 9_000)
        zigbee.tell("a" * 64, temperature=20)
        zigbee.tell("probe", temperature=21)
        wait_until(lambda: daemon.values("temperature") == [21], "what is within is stored")
        kept = daemon.rows("SELECT reason FROM reject ORDER BY id")
        assert kept == [("over_payload",), ("over_topic",)]
        wait_until(lambda: len(events(zigbee, "security_source_limited")) == 2, "it is told")
        wait_until(
            lambda: (
                "source zigbee: over its limit of payload"
                in zigbee.newest("health").get("problems", [])
            ),
            "it is shown",
        )


def test_a_device_that_floods_is_quarantined_and_its_neighbour_is_heard(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    text = limited(zigbee.port, "device_per_second: 5, device_burst: 50")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        for at in range(400):
            zigbee.peer.publish("zigbee2mqtt/plug", json.dumps({"power": at}), qos=1)
        wait_until(lambda: events(zigbee, "security_device_quarantined"), "it is quarantined")
        (told,) = events(zigbee, "security_device_quarantined")
        assert (told["source"], told["device"], told["why"]) == ("zigbee", "plug", "flood")
        zigbee.tell("probe", temperature=21)
        wait_until(lambda: daemon.values("temperature") == [21], "the neighbour is heard")
        wait_until(lambda: counted(daemon, "quarantined") > 300, "the rest is counted")
        assert len(daemon.values("power")) + counted(daemon, "quarantined") == 400
        assert len(daemon.values("power")) < 80
        record = "SELECT body FROM audit WHERE kind = 'security' AND subject = 'plug'"
        wait_until(lambda: daemon.rows(record), "it is recorded")
        assert ask(zigbee)["data"]["quarantined"][0]["device"] == "plug"
        assert ask(zigbee, action="release", device="zigbee/probe")["status"] == "error"
        said = ask(zigbee, action="release", device="zigbee/plug", author="anna")
        assert said["data"] == {"released": "zigbee/plug"}
        zigbee.tell("plug", power=7_777)
        wait_until(lambda: 7_777 in daemon.values("power"), "it is heard again")


def test_a_flood_of_a_source_is_dropped_and_acknowledged(tmp_path: Path, zigbee: Zigbee) -> None:
    text = limited(zigbee.port, "messages_per_second: 20, burst: 100, device_per_second: 0")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        for at in range(1_000):
            zigbee.peer.publish(f"zigbee2mqtt/{at % 7}", b'{"power": 1}', qos=1)
        wait_until(lambda: counted(daemon, "over_rate") > 700, "it is dropped")
        assert daemon.stop() == 0
        before = counted(daemon, "over_rate")
        daemon.start()  # nothing comes again: it was acknowledged
        wait_until(
            lambda: zigbee.tell("probe", temperature=1) or daemon.values("temperature"),
            "something else is heard",
        )
        assert counted(daemon, "over_rate") == before


def up(eui: str, said: str = "", temperature: float = 20.0) -> str:
    info = {"applicationId": "a", "devEui": said or eui, "deviceProfileName": "p"}
    return json.dumps({"deviceInfo": info, "fPort": 1, "object": {"temperature": temperature}})


def test_a_message_that_names_another_device_than_its_topic_is_a_spoof(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    one, other = "0101010101010101", "0202020202020202"
    port = make_broker().start().port
    with Zigbee(port) as zigbee, Daemon(tmp_path, pump(port, LORA, SHORT)) as daemon:
        zigbee.online()
        uplink = f"application/a/device/{one}/event/up"
        zigbee.peer.publish(uplink, up(one))
        wait_until(lambda: daemon.rows("SELECT 1 FROM reading"), "it is heard")
        zigbee.peer.publish(uplink, up(one, said=other, temperature=99))
        wait_until(lambda: events(zigbee, "security_device_quarantined"), "it is quarantined")
        wait_until(lambda: events(zigbee, "security_device_released"), "for a second")
        devices = "SELECT DISTINCT device FROM reading WHERE source = 'lora'"
        assert daemon.rows(devices) == [(one,)]


def test_a_device_of_another_source_counts_only_where_it_was_first(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    eui = "0101010101010101"
    port = make_broker().start().port
    with Zigbee(port) as zigbee, Daemon(tmp_path, pump(port, LORA)) as daemon:
        zigbee.online()
        zigbee.peer.publish(f"application/a/device/{eui}/event/up", up(eui))
        wait_until(lambda: daemon.rows("SELECT 1 FROM reading"), "it is heard")
        zigbee.peer.publish(f"field/a/device/{eui}/event/up", up(eui, temperature=99))
        query = "SELECT reason FROM reading WHERE source = 'field' AND metric LIKE '%temp%'"
        wait_until(lambda: daemon.rows(query) == [("quarantined",)], "kept as bad")
        daemon.kill()
        daemon.start()
        zigbee.online()
        wait_until(lambda: ask(zigbee)["status"] == "ok", "it answers again")
        assert ask(zigbee)["data"]["quarantined"][0]["source"] == "field"
