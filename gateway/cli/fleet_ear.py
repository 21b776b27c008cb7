"""Hearing, without a gateway, who holds the slots of a fleet and which of its members are there."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from gateway.adapters.mqtt import Client
from gateway.config.settings import Settings
from gateway.core import fleet_topics
from gateway.core.fleet import Fleet
from gateway.core.ports import Subscription
from gateway.core.slots import Told
from gateway.errors import NotConnectedError

CONNECT_S: Final = 10.0
LOOK_S: Final = 0.02


class Ear:
    """What a fleet says, for as long as the ``with`` block lasts."""

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        """Nothing is heard yet."""
        own = f"{fleet.site}-ear-{os.urandom(6).hex()}"
        broker = replace(settings.brokers[fleet.broker], client_id=own, session_expiry_s=0)
        self._fleet = fleet
        self._client = Client(
            broker, on_wake=lambda: None, wall_ms=lambda: time.time_ns() // 1_000_000
        )
        self.told: dict[str, Told] = {}
        """Slot -> its newest state."""
        self.beating: set[str] = set()
        """Slots whose state was said while we listened."""
        self.there: set[str] = set()
        """Members whose gateway says that it is online."""

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            NotConnectedError: that cannot be done.
        """
        topics = [fleet_topics.slot_topic(self._fleet.site, "+", "state")]
        topics += [f"edge/{member.id}/availability" for member in self._fleet.members]
        self._client.subscribe([Subscription(topic) for topic in topics])
        self._client.start()
        if not self.listen(CONNECT_S, lambda: self._client.state.subscribed):
            self._client.stop(None)
            raise NotConnectedError(
                f"no connection: {self._client.state.last_error or 'no answer'}"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.stop(None)

    def listen(self, for_s: float, enough: Callable[[], bool]) -> bool:
        """Listen until it is enough, at most so long; whether it was."""
        until = time.monotonic() + for_s
        while not enough():
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
            self._take()
        return True

    def _take(self) -> None:
        messages = self._client.take()
        self._client.acknowledge([one.receipt for one in messages if one.receipt])
        for message in messages:
            match message.topic.split("/"):
                case ["fleet", _, "slot", slot, "state"]:
                    told = fleet_topics.read_state(message.payload)
                    if told is not None:
                        self.told[slot] = told
                        self.beating |= set() if message.retain or not told.up else {slot}
                case ["edge", member, "availability"]:
                    add = self.there.add if message.payload == b"online" else self.there.discard
                    add(member)

    def holder(self, slot: str) -> str:
        """Who holds a slot, and was heard to say so; empty: nobody."""
        told = self.told.get(slot)
        return told.who if told is not None and told.up and slot in self.beating else ""
