"""The way out: a short queue in front of a send window, and what became of each publish."""

import threading
from collections import deque
from typing import NamedTuple

from gateway.adapters.mqtt_link import Outcome
from gateway.core.ports import Outgoing
from gateway.errors import NotConnectedError

QUEUE = 1_000
"""Most publishes that wait for the window; the store holds the rest."""


class Sending(NamedTuple):
    """One publish on its way."""

    outgoing: Outgoing
    ticket: int | None
    """None: our own, nobody asks what became of it."""
    expires_mono_ms: int | None
    """Not sent after this, by our monotonic clock."""


class Outbox:
    """Publishes of one connection at a time; nothing in it survives the connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._waiting: deque[Sending] = deque()
        self._in_flight: dict[int, int | None] = {}
        self._outcomes: list[Outcome] = []

    def open(self) -> None:
        """The broker accepted us."""
        with self._lock:
            self._open = True

    def put(self, sending: Sending) -> None:
        """Queue a publish.

        Raises:
            NotConnectedError: there is no connection, or too much waits for it already.
        """
        with self._lock:
            if not self._open:
                raise NotConnectedError("not connected")
            if len(self._waiting) >= QUEUE:
                raise NotConnectedError("the send window is full")
            self._waiting.append(sending)

    def next(self, window: int) -> Sending | None:
        """The next publish the window has room for."""
        with self._lock:
            if not self._waiting or len(self._in_flight) >= window:
                return None
            return self._waiting.popleft()

    def sent(self, packet_id: int, ticket: int | None) -> None:
        """It is on the wire under this packet identifier."""
        with self._lock:
            self._in_flight[packet_id] = ticket

    def settle(self, packet_id: int, reason: str) -> bool:
        """The broker answered; True when it is the first outcome to be taken."""
        with self._lock:
            return self._tell(self._in_flight.pop(packet_id, None), reason)

    def refuse(self, ticket: int | None, reason: str) -> bool:
        """It was not sent at all; True when it is the first outcome to be taken."""
        with self._lock:
            return self._tell(ticket, reason)

    def close(self) -> bool:
        """The connection is gone, and with it all that was unanswered; True as above."""
        with self._lock:
            self._open = False
            tickets = [*self._in_flight.values(), *(sending.ticket for sending in self._waiting)]
            self._in_flight.clear()
            self._waiting.clear()
            told = [self._tell(ticket, "lost") for ticket in tickets]
            return any(told)

    def take(self) -> list[Outcome]:
        """Every outcome since the last call."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        return outcomes

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is unanswered."""
        return not self._waiting and not self._in_flight

    def _tell(self, ticket: int | None, reason: str) -> bool:
        if ticket is None:
            return False
        self._outcomes.append(Outcome(ticket, not reason, reason))
        return len(self._outcomes) == 1
