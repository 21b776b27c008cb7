"""Tasmota as it behaves: one SENSOR message per TelePeriod, LWT retained, RESULT after a command.

Source: tasmota/docs "MQTT" and "Commands". What matters here: ``Time`` has no zone; a device says
what it did (``stat/<topic>/RESULT``), not what it was told; an unknown command is answered as
``{"Command": "Unknown"}``. Energy is in ``ENERGY``, which ``Status 8`` asks for, too.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from random import Random
from re import compile as pattern

from gateway.core.ports import Outgoing
from gateway.demo.agenda import Agenda
from gateway.demo.thing import Clock, Thing

ANSWER_S = 0.1
SETTLE_S = 0.6

_COMMAND = pattern(r"^cmnd/([^/]+)/([A-Za-z]+)$")


class Radio:
    """Devices on the local network; there is no bridge, each speaks for itself."""

    filters = ("cmnd/#",)
    will = None

    def __init__(self, clock: Clock, random: Random, things: Sequence[Thing]) -> None:
        self.noise: dict[str, int] = {}
        self._random = random
        self._agenda = Agenda(clock)
        self._things = {thing.id: thing for thing in things}

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """Each device is online; from then on its telemetry comes round."""
        for thing in self._things.values():
            yield Outgoing(f"tele/{thing.id}/LWT", b"Online", qos=1, retain=True)
            yield from self._report(thing, now_ms)

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due at the site's time."""
        return self._agenda.due(now_ms)

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Do what a device is told, or say what it has when it is asked."""
        found = _COMMAND.match(topic)
        thing = self._things.get(found[1]) if found else None
        if found is None or thing is None or thing.silent:
            return
        key, word = found[2].upper(), payload.decode(errors="replace").upper()
        answer = "taken" if word == "" else thing.answer(key, word)
        if answer == "taken":
            self._agenda.after(ANSWER_S, partial(self._obey, thing, key, word))
        else:
            yield _message("stat", thing, "RESULT", {"Command": "Unknown"})

    def death(self) -> Iterator[Outgoing]:
        """The broker says it for each of them, when it misses them."""
        for thing in self._things.values():
            yield Outgoing(f"tele/{thing.id}/LWT", b"Offline", qos=1, retain=True)

    def _report(self, thing: Thing, now_ms: int) -> Iterator[Outgoing]:
        yield from self._measured(thing, now_ms)
        again_s = thing.every_s * self._random.uniform(0.95, 1.05)
        self._agenda.after(again_s, partial(self._report, thing))

    def _measured(self, thing: Thing, now_ms: int) -> Iterator[Outgoing]:
        if thing.silent:
            return
        felt = thing.feel()
        relay = {key: felt.pop(key) for key in ("POWER",) if key in felt}
        head: dict[str, object] = {"Time": _local(now_ms)}
        yield _message("tele", thing, "SENSOR", head | {"ENERGY": felt})
        if relay:
            yield _message("tele", thing, "STATE", head | {"Heap": 26} | relay)

    def _obey(self, thing: Thing, key: str, word: str, now_ms: int) -> Iterator[Outgoing]:
        del now_ms
        if word:
            thing.obey(key, word)
            self._agenda.after(SETTLE_S, partial(self._measured, thing))
        said = thing.feel()[key]
        yield _message("stat", thing, "RESULT", {key: said})
        yield Outgoing(f"stat/{thing.id}/{key}", str(said).encode(), qos=0)


def _local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _message(prefix: str, thing: Thing, name: str, document: dict[str, object]) -> Outgoing:
    payload = json.dumps(document, separators=(",", ":")).encode()
    return Outgoing(f"{prefix}/{thing.id}/{name}", payload, qos=0)
