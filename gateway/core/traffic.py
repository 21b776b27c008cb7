"""Traffic: what the messages of one source were like in one period, as numbers for a model.

The features are counts, so a model of their usual size sees floods, new devices, replays and gaps
without looking at a value. The period is fixed; one in which nothing came is a row of zeros.
"""

from dataclasses import dataclass, fields
from math import expm1, log1p, sqrt
from typing import Final, NamedTuple

PERIOD_MS: Final = 60_000
SETTLE_MS: Final = 3_600_000
"""After a start, what is new is no news."""
FEATURES: Final = (
    *("messages", "kilobytes", "new_topics", "new_devices"),
    *("rejects", "repeats", "backward", "missed"),
)
"""What the model is shown, in its order: log(1 + count)."""
SPREADS: Final = (0.35, 0.35, 0.35, 0.35, 0.35, 0.25, 0.15, 0.5)
"""Least spread of each feature, on the log scale: counts always vary, by a third of themselves;
counters that go back hardly ever do, and radio loses frames by the dozen."""
JUMP: Final = 1_000
"""Frames lost at once that no radio loses: the counter is impossible."""


@dataclass(slots=True)
class Tally:
    """Counts since the period began."""

    messages: int = 0
    bytes: int = 0
    new_topics: int = 0
    new_devices: int = 0
    rejects: int = 0
    repeats: int = 0
    """Delivered before: the same uplink, or a message that says so."""
    backward: int = 0
    """Frame counters that went back or stood still without a join, or jumped impossibly far."""
    missed: int = 0
    """Frames that were lost, as the counters tell."""

    def frame(self, missed: float | None, *, backward: bool) -> None:
        """A frame with a counter came."""
        if backward or (missed is not None and missed >= JUMP):
            self.backward += 1
        elif missed:
            self.missed += int(missed)

    def close(self, *, settled: bool = True) -> tuple[float, ...]:
        """The features of the period; the next one begins.

        Not ``settled``: the gateway has just started, and everything is new to it.
        """
        new = (self.new_topics, self.new_devices) if settled else (0, 0)
        counts = (
            *(self.messages, self.bytes / 1024, *new),
            *(self.rejects, self.repeats, self.backward, self.missed),
        )
        for field in fields(self):
            setattr(self, field.name, 0)
        return tuple(map(log1p, counts))


class Deviation(NamedTuple):
    """How far one feature is from what is usual."""

    feature: str
    value: float
    usual: float
    spreads: float


def deviations(features: tuple[float, ...], state: tuple[float, ...]) -> list[Deviation]:
    """Say of each feature how far it is from the mean, farthest first.

    Args:
        features: as ``Tally.close`` gave them.
        state: of the package: means, variances (one each per feature), periods seen.
    """
    n = len(FEATURES)
    found = [
        Deviation(
            name,
            round(expm1(value), 1),
            round(expm1(mean), 1),
            round((value - mean) / sqrt(max(variance, 0.0) + least * least), 1),
        )
        for name, value, mean, variance, least in zip(
            FEATURES, features, state[:n], state[n : 2 * n], SPREADS, strict=True
        )
    ]
    return sorted(found, key=lambda one: one.spreads, reverse=True)
