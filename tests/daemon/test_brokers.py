"""Brokers that come late, die, come back or fall silent: nothing acknowledged is lost."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.proxy import Proxy
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]
SAVING = ("persistence true", "persistence_location {folder}/", "max_inflight_messages 100")
TWO = """brokers:
  local: {{host: 127.0.0.1, port: {local}}}
  other: {{host: 127.0.0.1, port: {other}}}
sources:
  zigbee: {{bridge: zigbee2mqtt, broker: local}}
  more: {{bridge: json, broker: other, topic: "cell/{{device}}"}}
"""
ONE = """brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
"""


def numbers(peer: Peer, first: int, last: int) -> None:
    """The plug reports numbers; the broker has them all when this returns."""
    infos = [
        peer._client.publish("zigbee2mqtt/plug", json.dumps({"power": number}), 1)
        for number in range(first, last)
    ]
    infos[-1].wait_for_publish(30)


def test_a_broker_that_is_not_there_yet_is_found_when_it_comes(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker = make_broker()
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        wait_until(lambda: daemon.logged("gateway_changed"), "its state is told")
        (change,) = daemon.logged("gateway_changed")
        assert change["state"] == "degraded"
        assert "local" in change["problems"][0]
        broker.start()
        with Zigbee(broker.port) as zigbee:
            zigbee.online()
            zigbee.tell("plug", power=7)
            wait_until(lambda: daemon.values("power") == [7], "it hears")
            wait_until(lambda: zigbee.newest("health").get("state") == "running", "it is well")
        assert daemon.stop() == 0


def test_a_broker_that_saves_its_queue_is_stopped_in_a_stream_and_nothing_is_lost(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker = make_broker(*SAVING).start()
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        with Zigbee(broker.port) as zigbee:
            zigbee.online()
            numbers(zigbee.peer, 0, 1500)
            broker.stop()
        broker.start()
        with Peer(broker.port) as peer:
            numbers(peer, 1500, 2000)
        wait_until(lambda: len(daemon.values("power")) >= 2000, "all is stored")
        assert daemon.stop() == 0
        assert daemon.values("power") == list(range(2000))


def test_a_broker_that_is_killed_got_no_acknowledgement_for_what_is_not_stored(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker = make_broker("log_type all", "max_inflight_messages 100").start()
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        with Zigbee(broker.port) as zigbee:
            zigbee.online()
            numbers(zigbee.peer, 0, 1500)
            broker.kill()
        acknowledged = broker.log.read_text().count("Received PUBACK from edge-here-local")
        wait_until(lambda: daemon.logged("broker_lost"), "it notices")
        broker.start()
        with Peer(broker.port, "edge/#") as peer:
            wait_until(lambda: ("edge/here/availability", b"online", False) in peer.heard, "back")
            numbers(peer, 1500, 1600)
            wait_until(lambda: 1599 in daemon.values("power"), "life goes on")
        assert daemon.stop() == 0
        stored = daemon.values("power")
        assert len(stored) == len(set(stored))
        # the first three messages and pulses are acknowledged, too, without a reading
        assert len([value for value in stored if value < 1500]) >= acknowledged - 10


def test_a_line_that_falls_silent_is_noticed_and_nothing_is_lost(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker = make_broker("max_inflight_messages 100").start()
    with Zigbee(broker.port) as zigbee, Proxy(broker.port) as proxy:
        text = pump(proxy.port, ("127.0.0.1, port", "127.0.0.1, keepalive: 1s, port"))
        with Daemon(tmp_path, text) as daemon:
            zigbee.online()
            numbers(zigbee.peer, 0, 300)
            proxy.freeze()
            numbers(zigbee.peer, 300, 1000)
            wait_until(lambda: daemon.logged("broker_lost"), "it notices")
            wait_until(lambda: len(daemon.values("power")) >= 1000, "all is stored")
            assert daemon.stop() == 0
            assert daemon.values("power") == list(range(1000))


def test_one_broker_of_two_dies_and_the_other_goes_on(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker, other = make_broker().start(), make_broker().start()
    text = two(broker, other)
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, text) as daemon:
        zigbee.online()
        with Peer(other.port) as cell:

            def hears() -> bool:
                cell.publish("cell/a", json.dumps({"v": 3.7}))
                return bool(daemon.values("volts"))

            wait_until(hears, "it hears the other")
        other.kill()
        wait_until(lambda: daemon.logged("broker_lost"), "it notices")
        numbers(zigbee.peer, 0, 50)
        wait_until(lambda: len(daemon.values("power")) == 50, "the first goes on")
        wait_until(lambda: zigbee.newest("health").get("state") == "degraded", "health tells")
        (problem,) = zigbee.newest("health")["problems"]
        assert problem.startswith("broker other: ")
        assert zigbee.newest("health")["brokers"]["local"]["connected"] is True
        assert daemon.stop() == 0


def two(broker: Mosquitto, other: Mosquitto) -> str:
    """The pump on one broker, a cell's voltage on another, which hears our own topics first."""
    brokers = TWO.format(local=broker.port, other=other.port)
    return pump(
        broker.port,
        (ONE.replace("PORT", str(broker.port)), brokers),
        ("metrics:\n", "metrics:\n      volts: {from: more/a, path: v, unit: V}\n"),
    )


def test_events_that_waited_for_their_broker_come_in_order_and_once(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker, other = make_broker().start(), make_broker()
    text = two(broker, other).replace("{id: here}", "{id: here, broker: other}")
    text = text.replace("do: stop, mode: act", "mode: advise")
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, text) as daemon:
        made: list[str] = []

        def decided() -> bool:
            zigbee.tell("probe", temperature=95 if len(made) % 2 == 0 else 20)
            made[:] = [id_ for (id_,) in daemon.rows("SELECT id FROM decision ORDER BY id")]
            return len(made) >= 30

        wait_until(decided, "30 decisions")
        other.start()
        with Peer(other.port, "edge/here/asset/pump/decision") as peer:
            # What was published before the peer subscribed is missing at the front.
            zigbee.tell("probe", temperature=21)
            zigbee.tell("probe", temperature=96)
            wait_until(lambda: not daemon.rows("SELECT 1 FROM outbox"), "all is out")
            told = [json.loads(payload)["id"] for _, payload, _ in peer.heard]
        made = [id_ for (id_,) in daemon.rows("SELECT id FROM decision ORDER BY id")]
        assert told
        assert told == made[-len(told) :]
        assert daemon.stop() == 0
