"""Presence: which other members of a fleet are there, by their gateways' own availability."""

from gateway.core.fleet import Fleet
from gateway.daemon.clock import Clock


class Presence:
    """Who is there, and since when."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        """Only we are."""
        self._fleet = fleet
        self._clock = clock
        self.since_ms: dict[str, int] = {}
        """Other member -> since when it is there, monotonic ms."""

    def heard(self, member: str, payload: bytes) -> None:
        """A member says that it is there, or its will that it is not."""
        if payload != b"online":
            self.since_ms.pop(member, None)
        elif any(member == one.id for one in self._fleet.members):
            self.since_ms.setdefault(member, self._clock.mono_ms())

    @property
    def alone(self) -> bool:
        """No other member is there."""
        return not self.since_ms

    def first(self, addressed: str) -> bool:
        """We answer for a member: it is us, or it is away and we stand first in the file."""
        if addressed == self._fleet.me:
            return True
        if addressed in self.since_ms:
            return False
        there = (one.id for one in self._fleet.members)
        return next(id_ for id_ in there if id_ == self._fleet.me or id_ in self.since_ms) == (
            self._fleet.me
        )
