"""Relay: what people decide reaches every member of a fleet, and is answered once.

Each member hears the ``set`` topics of all: a hold, a stop or a maintenance flag is kept by each,
so that it holds on whoever commands next. Whoever was addressed answers; while it is away, the
first of the others. A forced action is done, and answered, by who commands the asset.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.core import fleet_topics
from gateway.core.interventions import GATEWAY, Intervention, Kind, Standing
from gateway.core.messages import Message
from gateway.core.requests import Request
from gateway.core.verdicts import Mode
from gateway.daemon.clock import Clock
from gateway.daemon.held import Held
from gateway.daemon.presence import Presence
from gateway.daemon.requests import Part, Requests

BASE: Final = "edge/"
_RESTRICT: Final = frozenset({Kind.HOLD, Kind.MAINTENANCE, Kind.STOP})
"""What a member takes up that was not there when it was said."""


class Relay:
    """People, as all members hear them."""

    def __init__(
        self,
        presence: Presence,
        standing: Standing,
        held: Held,
        requests: Requests,
        holder: Callable[[str], str],
        me: str,
        clock: Clock,
    ) -> None:
        """``holder``: who commands an asset; empty: nobody."""
        self._presence = presence
        self._standing = standing
        self._held = held
        self._requests = requests
        self._holder = holder
        self._me = me
        self._clock = clock
        self._said: dict[str, frozenset[str]] = {}

    def heard(self, message: Message, *, live: bool) -> None:
        """Somebody decided something, on the topics of another member; not ``live``: long ago."""
        base = BASE + message.topic.split("/")[1]
        self._requests.heard(message, live=live, base=base)

    def part(self, request: Request, base: str) -> Part | None:
        """What is ours to do of it."""
        addressed = base.removeprefix(BASE)
        if "force" in request.fields:
            return self._forced(request, addressed)
        fields = request.fields
        if addressed != self._me:
            # An alert has another name at each gateway: all that is raised was seen.
            fields = {key: value for key, value in fields.items() if key != "alert"}
        late = request.late and self._presence.alone and addressed == self._me
        kept = request._replace(fields=fields, late=late)
        answers = self._presence.first(addressed) and (late or not request.late)
        return Part(kept, answers)

    def _forced(self, request: Request, addressed: str) -> Part | None:
        if request.late and addressed != self._me:
            return None  # it was asked of the others, and while we were away
        holder = self._holder(request.asset)
        if holder == self._me:
            return Part(request)
        there = holder in self._presence.since_ms
        return None if there or not self._presence.first(addressed) else Part(request)

    # -- for who was away -----------------------------------------------------------------------

    def taken(self, slot: str) -> None:
        """The slot is ours: what the broker keeps of it is from whoever held it before."""
        self._said.pop(slot, None)

    def changed(self, slot: str, assets: Sequence[str]) -> bytes | None:
        """What holds on the assets of a slot of ours, when that has changed."""
        mono_ms, about = self._clock.mono_ms(), {GATEWAY, *assets}
        held = [one for one in self._standing if one.asset in about and not one.over(mono_ms)]
        names = frozenset(one.id for one in held)
        if self._said.get(slot) == names:
            return None
        self._said[slot] = names
        return fleet_topics.standing(held, self._clock.now_ms())

    def standing(self, told: Sequence[Intervention]) -> None:
        """What holds at who commands: what forbids holds here, too, even if we were away then."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        for one in told:
            restricts = one.kind in _RESTRICT or (one.kind is Kind.MODE and one.value != Mode.ACT)
            detail = one.key[2]
            known = self._standing.find(one.asset, one.kind, detail, mono_ms) is not None
            if known or not restricts:
                continue
            passed_ms = max(0, now_ms - one.at_ms) if one.clock_ok and self._clock.ok() else 0
            if one.for_ms is not None and passed_ms >= one.for_ms:
                continue
            self._held.adopt(one, mono_ms - passed_ms)
