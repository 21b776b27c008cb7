"""What confirms a command, bridge by bridge, as their own messages look, through the daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.fakes.inside import inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG

EUI = "24e124136b502217"
APPLICATION = "5d4eb8f5-8a0c-4a6e-9b5e-1f6f2f6b2a10"
FRAME = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources:
  plc: {bridge: json, broker: local, topic: "plc/{device}"}
  it: {bridge: BRIDGE}
store: {path: gateway.db, min_free_bytes: 1MiB}
assets:
  pump:
    metrics: {temperature: {from: plc/one, path: t, unit: degC}}
    actions: {stop: {ACTION}}
    verdicts: [{rule: "temperature > 90", label: alarm}]
    policy: [{when: alarm, do: stop, mode: act}]
"""


@pytest.fixture
def peer(broker: Mosquitto) -> Iterator[Peer]:
    filters = ("edge/#", "zigbee2mqtt/+/set", "zigbee2mqtt/+/get", "cmnd/#", "v3/+/devices/+/#")
    with Peer(broker.port, *filters, "application/#", "act/#") as peer:
        peer.number = broker.port  # type: ignore[attr-defined]  # where it is
        yield peer


class Plant:
    """A pump that is hot, and whose stop was ordered."""

    def __init__(self, folder: Path, peer: Peer, bridge: str, action: str) -> None:
        text = FRAME.replace("PORT", str(peer.number))  # type: ignore[attr-defined]  # as above
        text = text.replace("BRIDGE", bridge).replace("ACTION", action)
        self.peer, self.daemon = peer, inside(folder, text)

    def __enter__(self) -> Self:
        self.daemon.__enter__()
        wait_until(lambda: self.last("edge/here/availability") == b"online", "it listens")
        return self

    def __exit__(self, *error: object) -> None:
        self.daemon.__exit__(*error)

    def last(self, topic: str) -> bytes:
        said = [payload for at, payload, _ in list(self.peer.heard) if at == topic]
        return said[-1] if said else b""

    def tell(self, topic: str, document: object, *, retain: bool = False) -> None:
        body = document if isinstance(document, str) else json.dumps(document)
        self.peer.publish(topic, body, retain=retain)

    def ordered(self, topic: str) -> Any:
        """Make it hot; what was ordered on a topic."""
        self.tell("plc/one", {"t": 95})
        wait_until(lambda: self.last(topic), "the order")
        body = self.last(topic)
        return json.loads(body) if body[:1] == b"{" else body.decode()

    def ends(self, state: str, told: str) -> None:
        """Wait until its state is this, with these words as evidence or reason."""

        def there() -> bool:
            rows = self.daemon.rows("SELECT state, reason, evidence FROM command")
            return bool(rows) and rows[0][0] == state and told in "".join(rows[0][1:])

        wait_until(there, f"{state}: {told}")


ZIGBEE = "zigbee2mqtt, broker: local", 'to: it/plug, set: {state: "OFF"}, deadline: 30s'


def introduce(plant: Plant, *, cached: bool) -> None:
    base = "zigbee2mqtt/bridge"
    plant.tell(f"{base}/state", {"state": "online"}, retain=True)
    config = {"advanced": {"cache_state": cached, "last_seen": "ISO_8601"}}
    plant.tell(f"{base}/info", {"version": "2.1.0", "config": config}, retain=True)
    plant.tell(f"{base}/devices", [PLUG], retain=True)


def test_zigbee2mqtts_echo_is_asked_about_and_its_cache_is_no_answer(
    tmp_path: Path, peer: Peer
) -> None:
    with Plant(tmp_path, peer, *ZIGBEE) as plant:
        introduce(plant, cached=True)
        assert plant.ordered("zigbee2mqtt/plug/set") == {"state": "OFF"}
        plant.tell("zigbee2mqtt/plug", {"state": "OFF", "power": 1200, "linkquality": 90})
        plant.ends("accepted", "bridge: state as ordered")
        wait_until(lambda: plant.last("zigbee2mqtt/plug/get"), "it is asked")
        plant.tell("zigbee2mqtt/plug", {"state": "OFF", "power": 800, "linkquality": 88})
        plant.tell("plc/one", {"t": 96})
        wait_until(lambda: len(plant.daemon.values("temperature")) == 2, "both were taken")
        assert plant.daemon.states() == ["accepted"]
        plant.tell("zigbee2mqtt/plug", {"state": "OFF", "power": 800, "linkquality": 91})
        plant.ends("confirmed", "device: state as ordered, after it was asked")


@pytest.mark.parametrize(
    ("topic", "line"),
    [
        (
            "logging",
            {
                "level": "error",
                "message": "z2m: Publish 'set' 'state' to 'plug' failed: 'Timeout - 10000ms'",
            },
        ),
        (
            "log",
            {
                "type": "zigbee_publish_error",
                "message": "Publish 'set' 'state' to 'plug' failed: 'Timeout - 10000ms'",
                "meta": {"friendly_name": "plug"},
            },
        ),
    ],
)
def test_zigbee2mqtt_tells_a_failure_in_its_log_alone(
    tmp_path: Path, peer: Peer, topic: str, line: object
) -> None:
    with Plant(tmp_path, peer, *ZIGBEE) as plant:
        introduce(plant, cached=False)
        plant.ordered("zigbee2mqtt/plug/set")
        plant.tell(f"zigbee2mqtt/bridge/{topic}", line)
        plant.ends("failed", "Timeout - 10000ms")


CHIRPSTACK = (
    f"chirpstack, broker: local, application_id: {APPLICATION}",
    f'to: it/{EUI}, set: {{data: "AQ=="}}, options: {{port: 10}}',
)
DEVICE = f"application/{APPLICATION}/device/{EUI}"
INFO = {
    "deviceInfo": {"devEui": EUI, "applicationId": APPLICATION, "deviceClassEnabled": "CLASS_C"}
}


@pytest.mark.parametrize(
    ("event", "said", "state", "told"),
    [
        ("ack", {"acknowledged": True, "fCntDown": 7}, "confirmed", "device: acknowledged"),
        ("ack", {"acknowledged": False}, "failed", "not acknowledged"),
        ("ack", {"deduplicationId": ""}, "failed", "not acknowledged"),
        ("log", "EXPIRED", "failed", "EXPIRED"),
        ("log", "DOWNLINK_PAYLOAD_SIZE", "failed", "DOWNLINK_PAYLOAD_SIZE"),
        ("log", "F_CNT_DOWN", "failed", "F_CNT_DOWN"),
    ],
)
def test_chirpstack_answers_by_our_own_queue_id(
    tmp_path: Path, peer: Peer, event: str, said: Any, state: str, told: str
) -> None:
    with Plant(tmp_path, peer, *CHIRPSTACK) as plant:
        order = plant.ordered(f"{DEVICE}/command/down")
        (mine,) = plant.daemon.rows("SELECT id FROM command") or [("",)]
        assert order["expiresAt"].endswith("Z")
        assert (order["id"], order["confirmed"]) == (mine[0] or order["id"], True)
        theirs = {**INFO, "queueItemId": "3434298f-2b89-49f8-885e-9fdd9f0892e6"}
        plant.tell(f"{DEVICE}/event/ack", {**theirs, "acknowledged": True})
        plant.tell(f"{DEVICE}/event/txack", {**INFO, "queueItemId": order["id"], "fCntDown": 7})
        plant.ends("accepted", "bridge: sent")
        if event == "log":
            context = {"queue_item_id": order["id"]}
            log = {"level": "ERROR", "code": said, "description": "no", "context": context}
            plant.tell(f"{DEVICE}/event/log", {**INFO, **log})
        else:
            plant.tell(f"{DEVICE}/event/ack", {**INFO, "queueItemId": order["id"], **said})
        plant.ends(state, told)


THINGS = (
    "thethings, broker: local, application: pumps@plant",
    'to: it/pump-7, set: {data: "AQ=="}, options: {port: 10}',
)


@pytest.mark.parametrize(
    ("events", "state", "told"),
    [
        (("queued", "sent", "nack", "nack", "ack"), "confirmed", "device: acknowledged"),
        (("sent", *("nack",) * 5), "failed", "not acknowledged, 5 times"),
        (("failed",), "failed", "too_long"),
    ],
)
def test_the_things_stack_answers_by_our_own_correlation_id(
    tmp_path: Path, peer: Peer, events: tuple[str, ...], state: str, told: str
) -> None:
    with Plant(tmp_path, peer, *THINGS) as plant:
        base = "v3/pumps@plant/devices/pump-7/down"
        (downlink,) = plant.ordered(f"{base}/push")["downlinks"]
        ids = {"end_device_ids": {"device_id": "pump-7"}}
        ours = {"correlation_ids": ["as:downlink:01H", *downlink["correlation_ids"]]}
        plant.tell(f"{base}/ack", {**ids, "downlink_ack": {"correlation_ids": ["theirs"]}})
        plant.tell(f"{base}/ack", {**ids, "downlink_ack": ours, "simulated": True})
        for event in events:
            part = ours
            if event == "failed":
                error = {"name": "too_long", "message_format": "payload is too long"}
                part = {"downlink": ours, "error": error}  # type: ignore[dict-item]  # as sent
            plant.tell(f"{base}/{event}", {**ids, f"downlink_{event}": part})
        plant.ends(state, told)


TASMOTA = "tasmota, broker: local", 'to: it/pump, set: {POWER: "OFF"}, deadline: 30s'


@pytest.mark.parametrize(
    ("topic", "said", "state", "told"),
    [
        ("stat/pump/RESULT", {"POWER": "OFF"}, "confirmed", "bridge: state as ordered"),
        ("stat/pump/RESULT", {"Command": "Unknown"}, "failed", "command: Unknown"),
        ("tele/pump/LWT", "Offline", "failed", "device: went offline"),
    ],
)
def test_tasmota_says_what_it_did_or_that_it_is_gone(
    tmp_path: Path, peer: Peer, topic: str, said: object, state: str, told: str
) -> None:
    peer.publish("stat/pump/RESULT", json.dumps({"POWER": "OFF"}), retain=True)
    with Plant(tmp_path, peer, *TASMOTA) as plant:
        plant.tell("tele/pump/LWT", "Online")
        assert plant.ordered("cmnd/pump/POWER") == "OFF"
        assert plant.daemon.states() in ([], ["sent"])
        plant.tell(topic, said)
        plant.ends(state, told)


def test_json_is_confirmed_by_the_state_and_not_by_a_retained_one(
    tmp_path: Path, peer: Peer
) -> None:
    source = 'json, broker: local, topic: "state/{device}", command_topic: "act/{device}"'
    peer.publish("state/valve", json.dumps({"open": False}), retain=True)
    with Plant(tmp_path, peer, source, "to: it/valve, set: {open: false}") as plant:
        assert plant.ordered("act/valve") == {"open": False}
        plant.tell("state/valve", {"open": True})
        plant.tell("plc/one", {"t": 96})
        wait_until(lambda: len(plant.daemon.values("temperature")) == 2, "both were taken")
        assert plant.daemon.states() == ["sent"]
        plant.tell("state/valve", {"open": False})
        plant.ends("confirmed", "bridge: state as ordered")
