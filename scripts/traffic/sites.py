"""Traffic of sites as the gateway takes it: real bridges, a gate, minutes of features."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from gateway import registry
from gateway.core.messages import Message, Reject, Uplink
from gateway.core.ports import Bridge, Outgoing
from gateway.core.source_limits import Gate, SourceLimits
from gateway.core.traffic import SETTLE_MS
from gateway.demo.plant import Plant
from gateway.demo.radio_chirpstack import Radio as ChirpStack
from gateway.demo.radio_zigbee2mqtt import Radio as Zigbee

MINUTE_MS = 60_000
MEMORY = 1_000
"""Keys of uplinks remembered: copied for each attack."""
START_MS = 1_795_000_000_000


class Source:
    """One source as the daemon counts it."""

    def __init__(self, kind: str) -> None:
        room = registry.find("bridges", kind)
        self.bridge: Bridge = room(kind, room.Settings())
        self.started_ms = START_MS
        self.restart(START_MS)
        self._seen: dict[str, None] = {}

    def restart(self, now_ms: int) -> None:
        """The gateway starts: it knows no device."""
        self.gate, self.started_ms = Gate(SourceLimits(), ()), now_ms

    def take(self, one: Outgoing, now_ms: int) -> None:
        """Read one message, as ``daemon/ingest.py`` does."""
        mono_ms = now_ms - START_MS
        message = Message(
            *("b", one.topic, one.payload, one.qos),
            retain=one.retain,
            dup=False,
            received_at_ms=now_ms,
            received_mono_ms=mono_ms,
        )
        if self.gate.admit(message) is not None:
            return
        for event in self.bridge.decode(message):
            if isinstance(event, Reject):
                self.gate.tally.rejects += 1
            elif isinstance(event, Uplink):
                self._uplink(event, mono_ms)

    def _uplink(self, uplink: Uplink, mono_ms: int) -> None:
        if uplink.dedup is not None:
            if uplink.dedup in self._seen:
                self.gate.tally.repeats += 1
                return
            self._seen[uplink.dedup] = None
            if len(self._seen) > MEMORY:
                del self._seen[next(iter(self._seen))]
        heard = self.gate.devices.get(uplink.device) or self.gate.welcome(uplink.device, mono_ms)
        if heard is not None and uplink.frame is not None:
            self.gate.frame(heard, uplink.frame, uplink.link.get("missed_frames"))

    def close(self, now_ms: int) -> tuple[float, ...]:
        """The features of the minute."""
        return self.gate.tally.close(settled=now_ms - self.started_ms >= SETTLE_MS)


def demo(kind: str, minutes: int, seed: int) -> Iterator[list[Outgoing]]:
    """The demo's plant, minute by minute: a message a second and device, with its noise."""
    chance, plant = Random(seed), Plant(seed)
    radio = {"chirpstack": ChirpStack, "zigbee2mqtt": Zigbee}[kind](plant, chance)
    first = list(radio.birth(START_MS))
    for minute in range(minutes):
        found, first = first, []
        for second in range(60):
            now_ms = START_MS + minute * MINUTE_MS + second * 1_000
            plant.step(1.0)
            found += radio.tick(now_ms)
        yield found


@dataclass(slots=True)
class Sensor:
    """One LoRaWAN device that reports every so many minutes."""

    eui: str
    every: int
    at: int
    frame: int = 0


@dataclass(slots=True)
class Field:
    """Many slow sensors: losses, joins, people at work by day, a server that repeats."""

    chance: Random
    sensors: list[Sensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        pick = self.chance
        for number in range(40):
            every = pick.choice((5, 10, 10, 15, 60))
            self.sensors.append(Sensor(f"{number + 1:016x}", every, pick.randrange(every)))

    def minute(self, minute: int) -> list[Outgoing]:
        """What comes in one minute."""
        found, chance = [], self.chance
        busy = 8 <= minute // 60 % 24 < 17
        for one in self.sensors:
            extra = busy and chance.random() < 0.05  # a door, a movement: sent at once
            if minute % one.every != one.at and not extra:
                continue
            if chance.random() < 0.0005:
                one.frame = 0
                found.append(uplink(one.eui, 0, chance, event="join"))
            one.frame += 1
            if chance.random() < 0.03:  # lost on the air
                continue
            said = uplink(one.eui, one.frame, chance)
            found += [said] * (2 if chance.random() < 0.002 else 1)
        return found


def uplink(eui: str, frame: int, chance: Random, *, event: str = "up", said: str = "") -> Outgoing:
    """An event of ChirpStack."""
    document = {
        "deduplicationId": f"{chance.getrandbits(128):032x}",
        "deviceInfo": {"devEui": said or eui, "applicationId": "a", "deviceProfileName": "p"},
        "devAddr": eui[-8:],
        "fCnt": frame,
        "fPort": 2,
        "object": {"temperature": 20 + chance.random()},
    }
    return Outgoing(f"application/a/device/{eui}/event/{event}", json.dumps(document).encode())
