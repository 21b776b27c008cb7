"""Devices that publish plain JSON on a topic of their own, as many small gateways do.

``<device>``: ``{"at": <epoch ms>, ...}`` every so often, ``<device>/status`` online or offline,
retained. They are told nothing: there is no topic for orders.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from random import Random

from gateway.core.ports import Outgoing
from gateway.demo.agenda import Agenda
from gateway.demo.thing import Clock, Thing


class Radio:
    """Some devices, each for itself."""

    filters = ("nothing/is/listened/to",)
    will = None

    def __init__(self, clock: Clock, random: Random, things: Sequence[Thing]) -> None:
        self.noise: dict[str, int] = {}
        self._random = random
        self._agenda = Agenda(clock)
        self._things = things

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """Each device is online; from then on its messages come round."""
        for thing in self._things:
            yield Outgoing(f"{thing.id}/status", b"online", qos=1, retain=True)
            yield from self._report(thing, now_ms)

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due at the site's time."""
        return self._agenda.due(now_ms)

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Nothing is listened to."""
        del topic, payload
        yield from ()

    def death(self) -> Iterator[Outgoing]:
        """Each of them is gone."""
        for thing in self._things:
            yield Outgoing(f"{thing.id}/status", b"offline", qos=1, retain=True)

    def _report(self, thing: Thing, now_ms: int) -> Iterator[Outgoing]:
        if not thing.silent:
            document = {"at": now_ms} | thing.feel()
            payload = json.dumps(document, separators=(",", ":")).encode()
            yield Outgoing(thing.id, payload, qos=0)
        again_s = thing.every_s * self._random.uniform(0.95, 1.05)
        self._agenda.after(again_s, partial(self._report, thing))
