"""ChirpStack 4 as it behaves by default: JSON, QoS 0, nothing retained, one event per uplink.

Source: chirpstack api/proto/integration/integration.proto, chirpstack-docs "Events" and "MQTT".
What matters here: every number of ``object`` is a float; the copies of several gateways come merged
in ``rxInfo``; fields of default value are missing there; class A devices hear a downlink only
after their own next uplink; a malformed downlink command gets no answer at all.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from re import compile as pattern

from gateway.core.ports import Outgoing
from gateway.demo import stamps
from gateway.demo.agenda import Agenda
from gateway.demo.plant import PUMPS, Plant
from gateway.demo.pump_things import Shaker
from gateway.demo.thing import Clock, Thing, obey

APPLICATION = "9b3c1f0e-5f0d-4c53-8f57-2f6f7a0d1c44"
UPLINK_S = 1.0
STATUS_UPLINKS = 30
"""A device tells of its battery once in so many uplinks."""
BACKLOG_MS = 900_000
"""How old a late uplink is: a gateway that had lost its backhaul delivers what it kept."""
ODDS = {"duplicate": 0.03, "malformed": 0.015, "late uplink": 0.015}

_COMMAND = pattern(rf"^application/{APPLICATION}/device/([0-9a-f]{{16}})/command/down$")


@dataclass(slots=True)
class Sensor:
    """A device of class A, and what waits for it."""

    thing: Thing
    address: str
    frames: int = 0
    frames_down: int = 0
    queue: list[dict[str, object]] = field(default_factory=list)
    unacknowledged: list[tuple[str, int]] = field(default_factory=list)

    @property
    def eui(self) -> str:
        """Its devEUI."""
        return self.thing.id


class Radio:
    """One LoRaWAN application, heard by two gateways; by itself that of the cooling plant."""

    filters = (f"application/{APPLICATION}/device/+/command/down",)
    will = None

    def __init__(self, clock: Clock, random: Random, things: Sequence[Thing] | None = None) -> None:
        self.noise = dict.fromkeys(ODDS, 0)
        self._random = random
        self._agenda = Agenda(clock)
        if things is None and isinstance(clock, Plant):
            things = shakers(clock)
        self._sensors = {
            thing.id: Sensor(thing, f"00d1{index:04x}")
            for index, thing in enumerate(things or (), 1)
        }

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """The devices join; from then on their uplinks come round."""
        for sensor in self._sensors.values():
            head = self._head(sensor, now_ms)
            yield _message(sensor, "join", head | {"devAddr": sensor.address})
            every_s = sensor.thing.every_s
            start_s = every_s * self._random.random()
            self._agenda.after(start_s, partial(self._uplink, sensor))
            self._agenda.after(start_s + 2.0 * every_s, partial(self._status, sensor))

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due at the plant's time."""
        return self._agenda.due(now_ms)

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Queue a downlink. A malformed one is dropped without a word, as the server does."""
        found = _COMMAND.match(topic)
        item = _downlink(payload)
        sensor = self._sensors.get(found[1]) if found else None
        if sensor and item and item.get("devEui") == sensor.eui:
            item["id"] = item.get("id") or stamps.uuid(self._random)
            sensor.queue.append(item)
        yield from ()

    def death(self) -> Iterator[Outgoing]:
        """It says nothing: nobody is told that a network server stopped."""
        yield from ()

    def _uplink(self, sensor: Sensor, now_ms: int) -> Iterator[Outgoing]:
        if not sensor.thing.silent:
            yield from self._heard(sensor, now_ms)
        again_s = sensor.thing.every_s * self._random.uniform(0.9, 1.1)
        self._agenda.after(again_s, partial(self._uplink, sensor))

    def _heard(self, sensor: Sensor, now_ms: int) -> Iterator[Outgoing]:
        """One uplink, perhaps with what goes wrong on the way, then the downlink slot it opens."""
        kind = self._chance()
        at_ms = now_ms - BACKLOG_MS if kind == "late uplink" else now_ms
        message = _message(sensor, "up", self._document(sensor, at_ms))
        if kind == "malformed":
            message = Outgoing(message.topic, message.payload[: len(message.payload) // 2], qos=0)
        yield message
        if kind == "duplicate":
            yield message
        yield from self._acknowledge(sensor, now_ms)
        yield from self._slot(sensor, now_ms)

    def _chance(self) -> str:
        draw = self._random.random()
        for kind, odds in ODDS.items():
            if draw < odds:
                self.noise[kind] += 1
                return kind
            draw -= odds
        return ""

    def _document(self, sensor: Sensor, at_ms: int) -> dict[str, object]:
        frame = sensor.frames
        sensor.frames += 1
        return self._head(sensor, at_ms) | {
            "devAddr": sensor.address,
            "adr": True,
            "dr": 5,
            "fCnt": frame,
            "fPort": 85,
            "confirmed": False,
            "data": b64encode(sensor.thing.frame()).decode(),
            "object": sensor.thing.feel(),
            "rxInfo": [self._reception(at_ms, gateway) for gateway in GATEWAYS],
            "txInfo": _TX,
            "regionConfigId": "eu868",
        }

    def _reception(self, at_ms: int, gateway: str) -> dict[str, object]:
        """How one gateway heard it; ``rssi`` and ``snr`` of 0 are left out, as proto3 does."""
        rssi, snr = self._random.randrange(-95, -60), self._random.randrange(0, 40) / 4
        return {
            "gatewayId": gateway,
            "uplinkId": self._random.randrange(1, 2**16),
            "gwTime": stamps.nano_offset(at_ms, self._random),
            "nsTime": stamps.nano_offset(at_ms + 35, self._random),
            "rssi": rssi,
            **({"snr": snr} if snr else {}),
            "channel": self._random.randrange(1, 8),
            "context": "AAAAAA==",
            "metadata": {"region_common_name": "EU868", "region_config_id": "eu868"},
            "crcStatus": "CRC_OK",
        }

    def _slot(self, sensor: Sensor, now_ms: int) -> Iterator[Outgoing]:
        """The receive window after an uplink: the oldest downlink that has not expired."""
        while sensor.queue:
            item = sensor.queue.pop(0)
            if _expired(item, now_ms):
                context = {"queue_item_id": str(item["id"])}
                head = self._head(sensor, now_ms, dedup=False)
                text = "Device queue-item discarded because it has expired"
                line = {"level": "ERROR", "code": "EXPIRED", "description": text}
                yield _message(sensor, "log", head | line | {"context": context})
                continue
            sensor.frames_down += 1
            sent = {"queueItemId": item["id"], "fCntDown": sensor.frames_down}
            gateway = {"downlinkId": self._random.randrange(1, 2**32), "gatewayId": GATEWAYS[0]}
            yield _message(
                sensor, "txack", self._head(sensor, now_ms, dedup=False) | sent | gateway
            )
            obey(sensor.thing, item.get("object"))
            if item.get("confirmed"):
                sensor.unacknowledged.append((str(item["id"]), sensor.frames_down))
            return

    def _acknowledge(self, sensor: Sensor, now_ms: int) -> Iterator[Outgoing]:
        """A confirmed downlink is acknowledged by the uplink after it."""
        for item, frame in sensor.unacknowledged:
            done = {"queueItemId": item, "acknowledged": True, "fCntDown": frame}
            yield _message(sensor, "ack", self._head(sensor, now_ms) | done)
        sensor.unacknowledged.clear()

    def _status(self, sensor: Sensor, now_ms: int) -> Iterator[Outgoing]:
        state = {"margin": 12, "externalPowerSource": False, "batteryLevelUnavailable": False}
        yield _message(
            sensor, "status", self._head(sensor, now_ms) | state | {"batteryLevel": 91.3}
        )
        self._agenda.after(STATUS_UPLINKS * sensor.thing.every_s, partial(self._status, sensor))

    def _head(self, sensor: Sensor, at_ms: int, *, dedup: bool = True) -> dict[str, object]:
        ids = {"deduplicationId": stamps.uuid(self._random)} if dedup else {}
        info = _DEVICE | {"deviceName": sensor.thing.name, "devEui": sensor.eui}
        return ids | {"time": stamps.nano_offset(at_ms, self._random), "deviceInfo": info}


EUIS = {f"24e124707c48{index:04x}": pump for index, pump in enumerate(PUMPS, 5)}
"""Pump by the devEUI of its sensor."""
GATEWAYS = ("0016c001f1500a01", "0016c001f1500a02")

_DEVICE = {
    "tenantId": "5d0a4c5e-7b7c-4a1f-9d36-1d4c2a8f0b11",
    "tenantName": "Plant",
    "applicationId": APPLICATION,
    "applicationName": "cooling",
    "deviceProfileId": "f3d7b0f4-1f5e-4a92-8a37-6a0f8e9b2c55",
    "deviceProfileName": "Vibration and temperature, class A",
    "deviceClassEnabled": "CLASS_A",
    "tags": {},
}
_LORA = {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}
_TX = {"frequency": 868100000, "modulation": {"lora": _LORA}}


def shakers(plant: Plant) -> list[Thing]:
    """The vibration sensors of the cooling plant."""
    return [
        Shaker(eui, f"{pump} vibration", plant.pumps[pump], UPLINK_S) for eui, pump in EUIS.items()
    ]


def _message(sensor: Sensor, event: str, document: dict[str, object]) -> Outgoing:
    payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Outgoing(f"application/{APPLICATION}/device/{sensor.eui}/event/{event}", payload, qos=0)


def _downlink(payload: bytes) -> dict[str, object] | None:
    try:
        item = json.loads(payload)
        until = item.get("expiresAt")
        item["expiresAt"] = datetime.fromisoformat(until) if until else None
    except (ValueError, TypeError, AttributeError):
        return None
    port = item.get("fPort")
    sendable = isinstance(port, int) and port > 0 and ("data" in item or "object" in item)
    return item if sendable else None


def _expired(item: dict[str, object], now_ms: int) -> bool:
    until = item["expiresAt"]
    return isinstance(until, datetime) and until.timestamp() * 1000 < now_ms
