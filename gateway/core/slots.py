"""Slots: who may command the assets of one member now, by takeover at the broker.

Commands of a slot leave only on a connection whose MQTT client id belongs to the slot. A broker
ends the older of two connections with one id (MQTT 5, 3.1.4-3; 3.1.1, 3.1.4-2), so there is one
commander, whatever the members believe. The connection's will says that it is down.

Whoever connected does not command yet. It first publishes a *fence* on that connection and waits
until it hears it on its own listening connection: then it has heard everything that the holder
before it got through, the last epoch and the last command included. Then it publishes the next
epoch, waits until it hears that, and commands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.fleet import Fleet

RETRY_MS: Final = 1_000
"""Between two tries to take a slot."""
PATIENCE_MS: Final = 4_000
"""A try that takes longer is given up."""
FROZEN_MS: Final = 1_500
"""Whoever did not look for so long was asleep itself: the silence is its own."""
MOST_PATIENCE_MS: Final = 3_600_000


class Phase(StrEnum):
    """Where we stand towards a slot."""

    WATCHING = "watching"
    CONNECTING = "connecting"
    FENCING = "fencing"
    RAISING = "raising"
    HOLDING = "holding"
    """We command, and nobody else does."""


class Step(StrEnum):
    """What can happen."""

    TRY = "try"
    CONNECT = "connect"
    FENCE = "fence"
    RAISE = "raise"
    LOSE = "lose"


TRANSITIONS: Mapping[Phase, Mapping[Step, Phase]] = {
    Phase.WATCHING: {Step.TRY: Phase.CONNECTING, Step.LOSE: Phase.WATCHING},
    Phase.CONNECTING: {Step.CONNECT: Phase.FENCING, Step.LOSE: Phase.WATCHING},
    Phase.FENCING: {Step.FENCE: Phase.RAISING, Step.LOSE: Phase.WATCHING},
    Phase.RAISING: {Step.RAISE: Phase.HOLDING, Step.LOSE: Phase.WATCHING},
    Phase.HOLDING: {Step.LOSE: Phase.WATCHING},
}


class Told(NamedTuple):
    """What ``fleet/<site>/slot/<slot>/state`` says."""

    up: bool
    who: str
    epoch: int
    beat: int = 0


@dataclass(slots=True)
class Seat:
    """One slot as one member sees it. Every time is that member's monotonic clock."""

    fleet: Fleet
    slot: str
    epoch: int = 0
    """The highest that was ever heard."""
    phase: Phase = Phase.WATCHING
    told: Told | None = None
    """The newest state that counts."""
    _heard_ms: int = 0
    _synced_ms: int | None = None
    """Since when we hear everything; None: we do not."""
    _looked_ms: int | None = None
    _awake_ms: int = 0
    _since_ms: int = 0
    """When the phase began."""
    _not_before_ms: int = 0
    _taken_epoch: int = 0
    """Another client took our connection: what our own will says then is no news."""
    patience_ms: int = 0
    """How long somebody who stands before us must have been there to get the slot back."""

    def __post_init__(self) -> None:
        """Wait as long as the file says before a slot is given back."""
        self.patience_ms = self.fleet.give_back_ms or 0

    @property
    def rank(self) -> int:
        """Our place in the slot's line; 0 is its own member."""
        return self.fleet.line(self.slot).index(self.fleet.me)

    @property
    def holding(self) -> bool:
        """We may command."""
        return self.phase is Phase.HOLDING

    @property
    def holder(self) -> str:
        """Who commands, as far as is known; empty: nobody."""
        if self.holding:
            return self.fleet.me
        return self.told.who if self.told is not None and self.told.up else ""

    @property
    def next_epoch(self) -> int:
        """What the next holder's will be."""
        return self.epoch + 1

    def step(self, what: Step, mono_ms: int) -> None:
        """Move; what the table does not have is ignored: it came too late."""
        phase = TRANSITIONS[self.phase].get(what)
        if phase is not None:
            self.phase, self._since_ms = phase, mono_ms

    # -- what is heard --------------------------------------------------------------------------

    def synced(self, mono_ms: int | None) -> None:
        """From now on we hear everything; None: the listening connection is gone."""
        self._synced_ms = mono_ms

    def hear(self, told: Told, mono_ms: int) -> None:
        """Take up what the slot's state says."""
        if told.epoch < self.epoch:
            return  # of a holder before the last
        if not told.up and told.who == self.fleet.me and told.epoch <= self._taken_epoch:
            return  # our own will, published because another client took over
        if told.up and told.who != self.fleet.me:
            self.patience_ms = self.fleet.give_back_ms or 0
        self.epoch, self.told, self._heard_ms = told.epoch, told, mono_ms

    def lost(self, mono_ms: int, *, taken: bool, epoch: int) -> None:
        """Our connection has ended. Taken: wait until the slot is seen to be down again."""
        if taken:
            self._taken_epoch = epoch
            self.told, self._heard_ms = Told(up=True, who="", epoch=self.epoch), mono_ms
        self._not_before_ms = mono_ms + RETRY_MS
        self.step(Step.LOSE, mono_ms)

    def again(self, mono_ms: int) -> None:
        """Another epoch was used meanwhile: begin anew, with a will that says the right one."""
        self.step(Step.LOSE, mono_ms)
        self._not_before_ms = mono_ms

    # -- what is due ----------------------------------------------------------------------------

    def look(self, mono_ms: int) -> None:
        """Note that time was looked at: a gap in that is a sleep of ours."""
        if self._looked_ms is not None and mono_ms - self._looked_ms > FROZEN_MS:
            self._awake_ms = mono_ms
        self._looked_ms = mono_ms

    def due(self, mono_ms: int) -> bool:
        """It is our turn to try."""
        free_ms = self._free_ms()
        if self.phase is not Phase.WATCHING or free_ms is None:
            return False
        return mono_ms >= max(free_ms + self.rank * self.fleet.step_ms, self._not_before_ms)

    def _free_ms(self) -> int | None:
        """Since when nobody commands, or will be taken for gone; None while we cannot know."""
        if self._synced_ms is None:
            return None
        known_ms = max(self._heard_ms, self._synced_ms, self._awake_ms)
        if self.told is not None and self.told.up:
            return known_ms + self.fleet.silent_ms
        return known_ms

    def overdue(self, mono_ms: int) -> bool:
        """A try takes too long."""
        trying = self.phase not in (Phase.WATCHING, Phase.HOLDING)
        return trying and mono_ms - self._since_ms > PATIENCE_MS

    # -- giving back ----------------------------------------------------------------------------

    def wanted(self, present_ms: Mapping[str, int], mono_ms: int) -> bool:
        """Somebody who stands before us in the line has been there for long enough.

        Args:
            present_ms: member -> since when it is known to be there.
            mono_ms: now.
        """
        if not self.holding or self.fleet.give_back_ms is None:
            return False
        before = self.fleet.line(self.slot)[: self.rank]
        since = [max(present_ms[one], self._since_ms) for one in before if one in present_ms]
        return any(mono_ms - one_ms >= self.patience_ms for one_ms in since)

    def given(self, mono_ms: int) -> None:
        """We gave it back; whoever wants it and cannot take it waits longer the next time."""
        self.step(Step.LOSE, mono_ms)
        self._not_before_ms = mono_ms + PATIENCE_MS
        self.patience_ms = min(2 * self.patience_ms, MOST_PATIENCE_MS)
