"""Pace: when a lane may send next to its sink, and what it waits for.

A sink has a budget of bytes a day, a rate, and hours in which it may be spoken to at all; its lanes
share them. Events are counted, but neither the budget nor the rate holds them up: an alert never
waits behind a backlog. Hours hold for every lane. What the receiver grants, and what a lane waits
after a failure, is the lane's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final, NamedTuple

from gateway.core.batches import Answer, Lane
from gateway.core.hours import Hours

DAY_MS: Final = 86_400_000
BURST_S: Final = 1.0
"""So much of the rate may be sent at once after a pause."""
SHARE: Final = 0.5
"""Backfill waits until this much of the burst is there, so that live readings go first."""
FIRST_MS: Final = 1_000
LONGEST_MS: Final = 300_000
CLOSED_MS: Final = 60_000
"""Outside the hours somebody looks at them again after this; a clock may be set meanwhile."""


class Why(StrEnum):
    """What a lane waits for."""

    NOTHING = ""
    BUDGET = "budget"
    RATE = "rate"
    HOURS = "hours"
    BACKOFF = "backoff"
    CREDIT = "credit"


class Wait(NamedTuple):
    """How long, and why."""

    ms: int = 0
    why: Why = Why.NOTHING


class Now(NamedTuple):
    """The clocks of one moment."""

    at_ms: int
    mono_ms: int
    clock_ok: bool = True
    """``at_ms`` can be believed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a sink may take of its link."""

    budget: int | None = None
    """Bytes per UTC day; None: no bound."""
    rate: float | None = None
    """Bytes per second."""
    hours: Hours | None = None
    """When it may be spoken to."""


class Pace:
    """The pace of one sink, shared by its lanes: whoever uses it from threads holds a lock."""

    def __init__(self, allowance: Allowance, day: int = 0, spent: int = 0) -> None:
        """``day`` and ``spent``: as they were kept."""
        self._allowance = allowance
        self.day = day
        """Of the newest bytes: days since 1970, by a clock that could be believed."""
        self.spent = spent
        """Bytes of that day."""
        self._level = self._burst
        self._at_mono_ms: int | None = None

    @property
    def _burst(self) -> float:
        return (self._allowance.rate or 0.0) * BURST_S

    def wait(self, lane: Lane, now: Now) -> Wait:
        """When this lane may send."""
        limits = self._allowance
        if limits.hours is not None and not (now.clock_ok and limits.hours.open(now.at_ms)):
            return Wait(_to_minute(now), Why.HOURS)
        if lane is Lane.EVENTS:
            return Wait()
        if limits.budget is not None and self._spent_on(now) >= limits.budget:
            return Wait(min(DAY_MS - now.at_ms % DAY_MS, CLOSED_MS), Why.BUDGET)
        return self._metered(lane, now)

    def _metered(self, lane: Lane, now: Now) -> Wait:
        rate = self._allowance.rate
        if rate is None:
            return Wait()
        self._fill(now)
        wanted = self._burst * SHARE if lane is Lane.BACKFILL else 0.0
        if self._level >= wanted:
            return Wait()
        return Wait(max(1, ceil((wanted - self._level) / rate * 1000)), Why.RATE)

    def sent(self, size: int, now: Now) -> None:
        """So many bytes go out; more than there is room for makes the next one wait."""
        self.spent = self._spent_on(now) + size
        self.day = self._day(now)
        if self._allowance.rate is not None:
            self._fill(now)
            self._level -= size

    def _fill(self, now: Now) -> None:
        before = now.mono_ms if self._at_mono_ms is None else self._at_mono_ms
        self._at_mono_ms = max(before, now.mono_ms)  # a lane may have read its clock earlier
        gained = (self._allowance.rate or 0.0) * (self._at_mono_ms - before) / 1000
        self._level = min(self._burst, self._level + gained)

    def today(self, now: Now) -> int:
        """Bytes of this day."""
        return self._spent_on(now)

    def _day(self, now: Now) -> int:
        """A clock that cannot be believed starts no new day, and none goes back."""
        return max(self.day, now.at_ms // DAY_MS) if now.clock_ok else self.day

    def _spent_on(self, now: Now) -> int:
        return self.spent if self._day(now) == self.day else 0


def _to_minute(now: Now) -> int:
    """Hours begin with a minute."""
    return min(CLOSED_MS, 60_000 - now.at_ms % 60_000)


class Patience:
    """What one lane waits by itself: after failures, and for what the receiver grants."""

    def __init__(self, random: Callable[[], float]) -> None:
        """``random`` gives numbers from 0 up to 1."""
        self._random = random
        self.failures = 0
        """In a row."""
        self._until = Wait()

    def wait(self, now: Now) -> Wait:
        """How long still."""
        left = self._until.ms - now.mono_ms
        return Wait(left, self._until.why) if left > 0 else Wait()

    def failed(self, now: Now, least_s: float = 0.0) -> int:
        """It failed once more: full jitter, so that a fleet does not come back all at once.

        Returns: the wait in ms, at least what the receiver asked for.
        """
        ceiling = min(LONGEST_MS, FIRST_MS << min(self.failures, 20))
        self.failures += 1
        ms = max(round(self._random() * ceiling), round(min(least_s, DAY_MS / 1000) * 1000))
        self._until = Wait(now.mono_ms + ms, Why.BACKOFF)
        return ms

    def granted(self, answer: Answer, rows: int, now: Now) -> None:
        """It took a batch, and says how fast it wants the next one."""
        self.failures = 0
        wait_s = max(answer.wait_s, 0.0)
        if answer.rows_per_s is not None:
            wait_s = max(wait_s, rows / answer.rows_per_s if answer.rows_per_s > 0 else 1.0)
        ms = round(min(wait_s, LONGEST_MS / 1000) * 1000)
        self._until = Wait(now.mono_ms + ms, Why.CREDIT) if ms else Wait()


def next_send(pace: Pace, patience: Patience, lane: Lane, now: Now) -> Wait:
    """When a lane may send next, and what it waits for: the longest of all its waits."""
    waits = (pace.wait(lane, now), patience.wait(now))
    return max(waits, key=lambda wait: wait.ms)
