"""A short call at a broker, under a name of its own: the gateway's session is never touched."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from gateway.adapters.mqtt import Broker, Client, LinkState
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import NotConnectedError

HARMLESS: Final = b'{"doctor": true}'
"""The gateway refuses a key that it does not know, and so does a device that does not exist."""
AT_ONCE: Final = 100
"""Messages handed over before the first is answered for."""


class Call:
    """A connection for as long as the ``with`` block lasts, whether it could be made or not."""

    def __init__(
        self, broker: Broker, wait_s: float, *filters: str, name: str = "", keep_s: int = 0
    ) -> None:
        """``keep_s``: how long the broker is to keep the session of ``name`` afterwards."""
        self._wait_s = wait_s
        self._woken = threading.Event()
        self._tickets = 0
        self._outcomes: dict[int, str] = {}
        self._heard: list[Message] = []
        client_id = name or f"edge-doctor-{os.urandom(6).hex()}"
        self._client = Client(
            replace(broker, client_id=client_id, session_expiry_s=keep_s),
            on_wake=self._woken.set,
            wall_ms=lambda: time.time_ns() // 1_000_000,
        )
        self._client.subscribe([Subscription(one) for one in filters])

    def __enter__(self) -> Self:
        self._client.start()
        self._until(lambda: self.state.subscribed or bool(self.state.last_error), self._wait_s)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.stop(farewell=None)

    @property
    def state(self) -> LinkState:
        """How the connection stands."""
        return self._client.state

    @property
    def connected(self) -> bool:
        """The broker let us in."""
        return self.state.connected

    def publish(self, topics: Sequence[str], payload: bytes = HARMLESS, qos: int = 1) -> list[str]:
        """Publish to each topic; the broker's reasons, empty where it took the message."""
        said: list[str] = []
        for at in range(0, len(topics), AT_ONCE):
            said += self._publish(topics[at : at + AT_ONCE], payload, qos)
        return said

    def _publish(self, topics: Sequence[str], payload: bytes, qos: int) -> list[str]:
        tickets = range(self._tickets + 1, self._tickets + len(topics) + 1)
        self._tickets += len(topics)
        for ticket, topic in zip(tickets, topics, strict=True):
            try:
                outgoing = Outgoing(topic, payload, qos)
                self._client.publish(outgoing, expires_s=self._wait_s, ticket=ticket)
            except NotConnectedError:
                self._outcomes[ticket] = "lost"
        self._until(lambda: self._settled(tickets), self._wait_s)
        return [self._outcomes.get(ticket, "no answer") for ticket in tickets]

    def _settled(self, tickets: Sequence[int]) -> bool:
        for outcome in self._client.take_outcomes():
            nobody = outcome.reason == "no_matching_subscribers"
            self._outcomes[outcome.ticket] = "" if outcome.ok or nobody else outcome.reason
        return all(ticket in self._outcomes for ticket in tickets)

    def hear(self, count: int, wait_s: float) -> list[Message]:
        """What comes, until there are so many or the time is over."""
        self._until(lambda: self._take() >= count, wait_s)
        return self._heard

    def _take(self) -> int:
        taken = self._client.take()
        self._client.acknowledge([message.receipt for message in taken])
        self._heard += taken
        return len(self._heard)

    def _until(self, done: Callable[[], bool], wait_s: float) -> None:
        until = time.monotonic() + wait_s
        while not done() and time.monotonic() < until:
            self._woken.wait(0.05)
            self._woken.clear()
