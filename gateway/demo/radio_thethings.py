"""The Things Stack 3 as it behaves: MQTT 3.1.1, QoS 0 only, nothing retained.

Source: lorawan-stack-docs "MQTT Server" and "Data Formats". What matters here: fields of zero,
false or empty value are left out (the first uplink has no ``f_cnt``); 64-bit numbers are strings;
times have nine digits; our own ``correlation_ids`` come back with everything about a downlink.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from re import compile as pattern

from gateway.core.ports import Outgoing
from gateway.demo import stamps
from gateway.demo.agenda import Agenda
from gateway.demo.plant import PUMPS, Plant
from gateway.demo.pump_things import FlowMeter
from gateway.demo.thing import Clock, Thing, obey

APPLICATION = "cooling"
USER = f"{APPLICATION}@plant"
METERS = {f"flow-meter-{pump.removeprefix('pump-')}": pump for pump in PUMPS}
"""Pump by the device id of its flow meter."""
UPLINK_S = 1.2
ODDS = {"duplicate": 0.02, "malformed": 0.01}

_COMMAND = pattern(rf"^v3/{USER}/devices/([a-z0-9-]+)/down/(push|replace)$")


@dataclass(slots=True)
class Meter:
    """A device of class A, and what waits for it."""

    thing: Thing
    address: str
    session: str
    frames: int = 0
    queue: list[dict[str, object]] = field(default_factory=list)
    unacknowledged: list[dict[str, object]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its device id."""
        return self.thing.id


class Radio:
    """One application of a tenant; by itself the flow meters of the cooling plant."""

    filters = (f"v3/{USER}/devices/+/down/push", f"v3/{USER}/devices/+/down/replace")
    will = None

    def __init__(self, clock: Clock, random: Random, things: Sequence[Thing] | None = None) -> None:
        self.noise = dict.fromkeys(ODDS, 0)
        self._random = random
        self._agenda = Agenda(clock)
        if things is None and isinstance(clock, Plant):
            things = flow_meters(clock)
        self._meters = {
            thing.id: Meter(thing, f"260B{index:04X}", _session(random))
            for index, thing in enumerate(things or (), 1)
        }

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """The devices join; from then on their uplinks come round."""
        for meter in self._meters.values():
            accepted = {"session_key_id": meter.session}
            yield _message(meter, "join", self._head(meter, now_ms) | {"join_accept": accepted})
            start_s = meter.thing.every_s * self._random.random()
            self._agenda.after(start_s, partial(self._uplink, meter))

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due at the plant's time."""
        return self._agenda.due(now_ms)

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Queue downlinks, or replace the queue. Nonsense is dropped without a word."""
        found = _COMMAND.match(topic)
        meter = self._meters.get(found[1]) if found else None
        items = _downlinks(payload)
        if not found or meter is None or items is None:
            return
        if found[2] == "replace":
            meter.queue.clear()
        for item in items:
            meter.queue.append(item)
            head = _ids(meter) | {"correlation_ids": item.get("correlation_ids", [])}
            yield _message(meter, "down/queued", head | {"downlink_queued": item})

    def death(self) -> Iterator[Outgoing]:
        """It says nothing."""
        yield from ()

    def _uplink(self, meter: Meter, now_ms: int) -> Iterator[Outgoing]:
        if not meter.thing.silent:
            yield from self._heard(meter, now_ms)
        again_s = meter.thing.every_s * self._random.uniform(0.9, 1.1)
        self._agenda.after(again_s, partial(self._uplink, meter))

    def _heard(self, meter: Meter, now_ms: int) -> Iterator[Outgoing]:
        message = _message(meter, "up", self._document(meter, now_ms))
        draw = self._random.random()
        if draw < ODDS["malformed"]:
            self.noise["malformed"] += 1
            message = Outgoing(message.topic, message.payload[:-40] + b"\xff}", qos=0)
        yield message
        if 0 <= draw - ODDS["malformed"] < ODDS["duplicate"]:
            self.noise["duplicate"] += 1
            yield message
        yield from self._answer(meter, now_ms)

    def _document(self, meter: Meter, now_ms: int) -> dict[str, object]:
        frame = meter.frames
        meter.frames += 1
        uplink: dict[str, object] = {"session_key_id": meter.session, "f_port": 2}
        if frame:
            uplink["f_cnt"] = frame
        uplink |= {
            "frm_payload": b64encode(meter.thing.frame()).decode(),
            "decoded_payload": meter.thing.feel(),
            "rx_metadata": [self._reception(now_ms)],
            "settings": {"data_rate": {"lora": _LORA}, "frequency": "868300000"},
            "received_at": stamps.nano_z(now_ms - 20, self._random),
            "consumed_airtime": "0.056576s",
        }
        return self._head(meter, now_ms) | {"uplink_message": uplink}

    def _reception(self, now_ms: int) -> dict[str, object]:
        rssi = self._random.randrange(-110, -70)
        return {
            "gateway_ids": {"gateway_id": "plant-roof", "eui": "58A0CBFFFE800A01"},
            "time": stamps.nano_z(now_ms - 60, self._random),
            "timestamp": now_ms * 1000 % 2**32,
            "rssi": rssi,
            "channel_rssi": rssi,
            "snr": self._random.randrange(1, 40) / 4,
        }

    def _answer(self, meter: Meter, now_ms: int) -> Iterator[Outgoing]:
        """An uplink acknowledges the last downlink and opens the slot for the next one."""
        for item in meter.unacknowledged:
            head = self._head(meter, now_ms) | {"correlation_ids": item.get("correlation_ids", [])}
            yield _message(meter, "down/ack", head | {"downlink_ack": item})
        meter.unacknowledged.clear()
        if not meter.queue:
            return
        item = meter.queue.pop(0)
        head = self._head(meter, now_ms) | {"correlation_ids": item.get("correlation_ids", [])}
        yield _message(meter, "down/sent", head | {"downlink_sent": item})
        obey(meter.thing, item.get("decoded_payload"))
        if item.get("confirmed"):
            meter.unacknowledged.append(item)

    def _head(self, meter: Meter, now_ms: int) -> dict[str, object]:
        ids = [f"{kind}:{stamps.ulid(now_ms, self._random)}" for kind in ("as:up", "gs:uplink")]
        received_at = stamps.nano_z(now_ms, self._random)
        return _ids(meter) | {"correlation_ids": ids, "received_at": received_at}


_LORA = {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}


def flow_meters(plant: Plant) -> list[Thing]:
    """Those of the cooling plant."""
    return [
        FlowMeter(device, device, plant.pumps[pump], UPLINK_S) for device, pump in METERS.items()
    ]


def _session(random: Random) -> str:
    return b64encode(random.randbytes(16)).decode()


def _ids(meter: Meter) -> dict[str, object]:
    ids = {
        "device_id": meter.id,
        "application_ids": {"application_id": APPLICATION},
        "dev_eui": f"70B3D57ED0{meter.address[2:]}",
        "join_eui": "0000000000000000",
        "dev_addr": meter.address,
    }
    return {"end_device_ids": ids}


def _message(meter: Meter, event: str, document: dict[str, object]) -> Outgoing:
    payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Outgoing(f"v3/{USER}/devices/{meter.id}/{event}", payload, qos=0)


def _downlinks(payload: bytes) -> list[dict[str, object]] | None:
    try:
        items = json.loads(payload)["downlinks"]
    except (ValueError, TypeError, KeyError):
        return None
    good = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    return items if good else None
