"""Links: one MQTT client per broker of the file, and what becomes of each publish."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.adapters.mqtt import Client
from gateway.core.ports import Outgoing

Done = Callable[[bool, str], None]
"""Called on the loop with (delivered, reason) once the broker answered or the link was lost."""


@dataclass(slots=True)
class Link:
    """A broker and our connection to it."""

    name: str
    client: Client
    _tickets: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, Done] = field(default_factory=dict)
    was_connected: bool = False

    @property
    def connected(self) -> bool:
        """Publishing is possible now."""
        return self.client.state.connected

    def publish(self, outgoing: Outgoing, *, expires_s: float | None = None, done: Done) -> None:
        """Hand a message over.

        Raises:
            NotConnectedError: nothing was sent, and ``done`` will not be called.
        """
        ticket = next(self._tickets)
        self._waiting[ticket] = done
        try:
            self.client.publish(outgoing, expires_s=expires_s, ticket=ticket)
        except BaseException:
            del self._waiting[ticket]
            raise

    def settle(self) -> None:
        """Tell each publish that has ended."""
        for outcome in self.client.take_outcomes():
            done = self._waiting.pop(outcome.ticket, None)
            if done is not None:
                done(outcome.ok, outcome.reason)


def ignore(delivered: bool, reason: str) -> None:  # noqa: FBT001  # the shape of Done
    """For messages whose fate changes nothing: the next one replaces them."""
    del delivered, reason
