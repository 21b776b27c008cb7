"""Pace: how often a metric really comes, and which models that is too slow for.

A model's channel gives up on a value that is older than its ``hold_ms``. A sensor that speaks less
often leaves a gap in every window: the model never answers, and the cause is the sensor's interval,
not a fault. The interval is the median of the last few: one lost message does not move it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway.core import durations
from gateway.core.ladder import ModelState

INTERVALS = 9
"""Measured before anything is said."""


class Pace:
    """The intervals between the good readings of one metric, on the readings' own time axis."""

    __slots__ = ("intervals", "last_ms")

    def __init__(self) -> None:
        """Nothing has come."""
        self.last_ms: int | None = None
        self.intervals: deque[int] = deque(maxlen=INTERVALS)

    def note(self, at_ms: int) -> None:
        """Note a reading; several of one time, and late ones, are no interval."""
        self.note_all((self,), at_ms)

    @staticmethod
    def note_all(paces: Iterable["Pace"], at_ms: int) -> None:
        """Note readings of one time; a call for each would take as long again."""
        for pace in paces:
            last = pace.last_ms
            if last is None:
                pace.last_ms = at_ms
            elif at_ms > last:
                pace.intervals.append(at_ms - last)
                pace.last_ms = at_ms

    @property
    def interval_ms(self) -> int | None:
        """What is usual; None while too little was seen."""
        return sorted(self.intervals)[INTERVALS // 2] if len(self.intervals) == INTERVALS else None


class Slow(NamedTuple):
    """A channel whose values come too seldom for its model."""

    asset: str
    model: str
    channel: str
    metric: str
    expected_ms: int
    found_ms: int

    @property
    def advice(self) -> str:
        """What to change."""
        return (
            f"let the sensor of metric {self.metric!r} report every"
            f" {durations.render(self.expected_ms)} or more often, or use a model with a longer"
            " period or max_age_s"
        )

    def __str__(self) -> str:
        """One line for the health document."""
        found = durations.render(round(self.found_ms, -3) or self.found_ms)
        return (
            f"asset {self.asset}: model {self.model}: channel {self.channel!r}: expected a value at"
            f" least every {durations.render(self.expected_ms)}, found one every {found};"
            f" {self.advice}"
        )


def slow(asset: str, models: Mapping[str, ModelState], paces: Mapping[str, Pace]) -> Iterator[Slow]:
    """Yield the channels of an asset's models that starve; one with a fill value does not."""
    for name, state in models.items():
        for channel, metric in zip(state.windows.shape.channels, state.columns, strict=True):
            pace = paces.get(metric)
            found = pace.interval_ms if pace else None
            needed = channel.required or channel.fill is None
            if found is not None and needed and found > channel.hold_ms:
                yield Slow(asset, name, channel.name, metric, channel.hold_ms, found)
