"""Zigbee2MQTT as it behaves by default: every message repeats all it remembers, QoS 0, no retain.

Source: zigbee2mqtt 2.x lib/mqtt.ts, lib/controller.ts, lib/extension/publish.ts, and its guide
"MQTT topics and messages". What matters here: a state message carries every attribute ever seen;
a ``set`` has no answer but the optimistic state (``power`` in it is the remembered one); a ``set``
that fails is a line in ``bridge/logging`` and nothing else; a retained ``set`` is obeyed too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from re import compile as pattern

from gateway.core.ports import Outgoing
from gateway.demo import stamps
from gateway.demo.agenda import Agenda
from gateway.demo.plant import Plant
from gateway.demo.pump_things import PumpPlug
from gateway.demo.registry_zigbee2mqtt import WORDS, coordinator, entry, info
from gateway.demo.thing import Clock, Thing

BASE = "zigbee2mqtt"
PLUGS = {
    "pump-5": "plant/line 1/pump plug",
    "pump-6": "plant/line 2/pump plug",
    "pump-7": "plant/line 3/pump plug",
}
REPORT_S = 0.8  # the plug's metering report comes round
REPEAT_REPORTS = 2.875  # reports until something else is heard of it: only link quality moves then
ANSWER_S = 0.12  # a ZCL command and its default response
SETTLE_S = 0.6  # until the meter has measured again after a switch
HEALTH_REPORTS = 25

_COMMAND = pattern(rf"^{BASE}/(?!bridge)(.+?)/(get|set)(?:/(.+))?$")


@dataclass(slots=True)
class Plug:
    """A device, and what the bridge remembers of it."""

    thing: Thing
    cache: dict[str, object] = field(default_factory=dict)
    messages: int = 0

    @property
    def name(self) -> str:
        """Its friendly name."""
        return self.thing.name

    def measure(self) -> None:
        """Take a report into the cache."""
        self.cache |= self.thing.feel()


class Radio:
    """One Zigbee network, its registry, its log; by itself that of the cooling plant."""

    filters = (f"{BASE}/#",)
    will = Outgoing(f"{BASE}/bridge/state", b'{"state":"offline"}', qos=1, retain=True)

    def __init__(self, clock: Clock, random: Random, things: Sequence[Thing] | None = None) -> None:
        self.noise = {"cached repeat": 0}
        self._random = random
        self._agenda = Agenda(clock)
        self._last_line = ""
        if things is None and isinstance(clock, Plant):
            things = plugs(clock)
        self._plugs = {thing.name: Plug(thing) for thing in things or ()}
        periods_s = [plug.thing.every_s for plug in self._plugs.values()]
        self._health_s = HEALTH_REPORTS * min(periods_s, default=REPORT_S)

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """What it publishes when it starts; from then on its reports come round."""
        yield _message("bridge/state", {"state": "online"}, qos=1, retain=True)
        yield _message("bridge/info", info(), retain=True)
        entries = [coordinator(), *(entry(plug.thing) for plug in self._plugs.values())]
        yield _message("bridge/devices", entries, retain=True)
        yield _message("bridge/groups", [], retain=True)
        yield from self._health(now_ms)
        for plug in self._plugs.values():
            plug.cache["update"] = _IDLE
            yield _message(f"{plug.name}/availability", {"state": "online"}, qos=1, retain=True)
            yield from self._report(plug, now_ms)
            repeat_s = REPEAT_REPORTS * plug.thing.every_s
            self._agenda.after(repeat_s * self._random.random(), partial(self._repeat, plug))

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due at the plant's time."""
        return self._agenda.due(now_ms)

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Obey ``set`` and ``get`` as the bridge does."""
        found = _COMMAND.match(topic)
        if not found:
            return
        name, verb, attribute = found.groups()
        plug = self._find(name)
        wanted = _parse(payload, attribute)
        if plug is None:
            yield from self._log("error", f"Entity '{name}' is unknown")
        elif wanted is None:
            text = payload.decode(errors="replace")
            yield from self._log("error", f"Invalid message '{text}', skipping...")
        elif verb == "get":
            self._agenda.after(ANSWER_S, partial(self._measured, plug))
        else:
            yield from self._set(plug, wanted)

    def death(self) -> Iterator[Outgoing]:
        """What it says when it is stopped in an orderly way."""
        yield self.will

    def _find(self, name: str) -> Plug | None:
        by_address = (plug for plug in self._plugs.values() if plug.thing.id == name)
        return self._plugs.get(name) or next(by_address, None)

    def _set(self, plug: Plug, wanted: dict[str, object]) -> Iterator[Outgoing]:
        """Keys are obeyed one by one: one may fail, the rest pass."""
        for key, value in wanted.items():
            answer = plug.thing.answer(key, value)
            if answer == "taken":
                self._agenda.after(ANSWER_S, partial(self._obey, plug, key, value))
            elif answer == "refused":
                reason = f"'Error: {key} does not accept: {value}'"
                line = f"Publish 'set' '{key}' to '{plug.name}' failed: {reason}"
                yield from self._log("error", line)
            else:
                shown = json.dumps(value)
                line = f"No converter available for '{key}' on '{plug.name}': ({shown})"
                yield from self._log("error", line)

    def _obey(self, plug: Plug, key: str, value: object, now_ms: int) -> Iterator[Outgoing]:
        """The relay moves; the state comes at once, with the power of the last report."""
        if plug.thing.silent:
            return
        shown = plug.thing.obey(key, value)
        plug.cache[key] = plug.thing.feel()[key]
        yield from self._publish(plug, now_ms)
        if shown:
            self._agenda.after(SETTLE_S, partial(self._measured, plug))

    def _report(self, plug: Plug, now_ms: int) -> Iterator[Outgoing]:
        yield from self._measured(plug, now_ms)
        again_s = plug.thing.every_s * self._random.uniform(0.9, 1.1)
        self._agenda.after(again_s, partial(self._report, plug))

    def _measured(self, plug: Plug, now_ms: int) -> Iterator[Outgoing]:
        if not plug.thing.silent:
            plug.measure()
            yield from self._publish(plug, now_ms)

    def _repeat(self, plug: Plug, now_ms: int) -> Iterator[Outgoing]:
        if not plug.thing.silent:
            self.noise["cached repeat"] += 1
            yield from self._publish(plug, now_ms)
        again_s = REPEAT_REPORTS * plug.thing.every_s * self._random.uniform(0.7, 1.3)
        self._agenda.after(again_s, partial(self._repeat, plug))

    def _publish(self, plug: Plug, now_ms: int) -> Iterator[Outgoing]:
        plug.messages += 1
        plug.cache["linkquality"] = self._random.randrange(80, 160)
        plug.cache["last_seen"] = stamps.milli(now_ms)
        state = _message(plug.name, dict(sorted(plug.cache.items())))
        yield state
        payload = state.payload.decode()
        line = f"MQTT publish: topic '{state.topic}', payload '{payload}'"
        yield from self._log("info", line, "z2m:mqtt")

    def _health(self, now_ms: int) -> Iterator[Outgoing]:
        counts = {
            plug.thing.id: {
                "messages": plug.messages,
                "messages_per_sec": 1.7,
                "leave_count": 0,
                "network_address_changes": 0,
            }
            for plug in self._plugs.values()
        }
        document = {"response_time": now_ms, "mqtt": _LINK, "devices": counts}
        yield _message("bridge/health", document, qos=1, retain=True)
        self._agenda.after(self._health_s, self._health)

    def _log(self, level: str, line: str, namespace: str = "z2m") -> Iterator[Outgoing]:
        """One line of its log; the same line twice in a row is published once."""
        if line != self._last_line:
            yield _message("bridge/logging", {"level": level, "message": f"{namespace}: {line}"})
        self._last_line = line


_IDLE = {"installed_version": 268513381, "latest_version": 268513381, "state": "idle"}
_LINK = {"connected": True, "queued": 0}


def plugs(plant: Plant) -> list[Thing]:
    """Those that the cooling plant's pumps are on."""
    return [
        PumpPlug(f"0x00158d00045ab{index:03x}", name, plant.pumps[pump], REPORT_S)
        for index, (pump, name) in enumerate(PLUGS.items(), 1)
    ]


def _message(topic: str, document: object, *, qos: int = 0, retain: bool = False) -> Outgoing:
    payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Outgoing(f"{BASE}/{topic}", payload, qos=qos, retain=retain)


def _parse(payload: bytes, attribute: str | None) -> dict[str, object] | None:
    """An object; with ``/set/<attribute>`` a JSON value or text; else a bare word for ``state``."""
    text = payload.decode(errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        value = text if attribute or text.upper() in WORDS else None
    if attribute:
        return {attribute: value}
    if isinstance(value, str):
        return {"state": value}
    return value if isinstance(value, dict) else None
