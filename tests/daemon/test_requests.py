"""Requests over a real broker: answered, refused, never done late."""

import json
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

ASK, ANSWER = "edge/here/request/nonsense", "edge/here/response/nonsense"


def test_a_request_that_nobody_knows_is_answered_with_what_there_is(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon, Peer(broker.port, "edge/#") as peer:
        wait_until(lambda: any(topic.endswith("/health") for topic, _, _ in peer.heard), "health")
        peer.publish(ASK, json.dumps({"transaction": "t-1"}))
        wait_until(lambda: any(topic == ANSWER for topic, _, _ in peer.heard), "an answer")
        (answer,) = [json.loads(text) for topic, text, _ in peer.heard if topic == ANSWER]
        assert answer["status"] == "error"
        assert "nobody answers that" in answer["error"]
        assert daemon.logged("request_refused")


def test_a_retained_request_is_reported_and_not_answered(tmp_path: Path, broker: Mosquitto) -> None:
    with Peer(broker.port, "edge/here/response/#") as peer:
        peer.publish(ASK, b"{}", retain=True)
        with Daemon(tmp_path, pump(broker.port)) as daemon:
            wait_until(lambda: daemon.logged("request_refused"), "the report")
            assert "retained" in daemon.logged("request_refused")[0]["error"]
        assert peer.heard == []


def test_the_answer_comes_to_the_response_topic_with_its_correlation(
    tmp_path: Path, broker: Mosquitto
) -> None:
    heard: list[tuple[str, bytes]] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda _c, _u, m: heard.append(
        (m.topic, getattr(m.properties, "CorrelationData", b""))
    )
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_until(client.is_connected, "the asker is connected")
    client.subscribe([("answers/#", 1), ("edge/here/availability", 1)])
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic, properties.CorrelationData = "answers/mine", b"\x01\x02"
    with Daemon(tmp_path, pump(broker.port)):
        wait_until(lambda: heard, "the gateway is online")
        client.publish(ASK, b"{}", 1, properties=properties).wait_for_publish(5)
        wait_until(lambda: len(heard) > 1, "the answer")
    client.disconnect()
    client.loop_stop()
    client._reset_sockets()
    assert heard[1] == ("answers/mine", b"\x01\x02")
