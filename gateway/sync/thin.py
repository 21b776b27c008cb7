"""Thin: the readings of one minute of arrival, as one row per metric and minute of its own time.

As the store thins hours: texts and bad readings are left out, a bool counts as 1 or 0. A reading
that came late gives a row of its own for its minute; a receiver puts rows of one minute together
by ``n``: what is lowest and highest of all, means weighed by ``n``, ``last`` of the later row.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.core.messages import Quality, Reason

MINUTE_MS: Final = 60_000
BAD: Final = frozenset(reason.value for reason in Reason if reason.quality is Quality.BAD)


class Key(NamedTuple):
    """What one row is of, in the order of the rows."""

    at_ms: int
    """Start of the minute, on the time axis of the readings."""
    series: int
    clock: int
    boot: int
    """Of readings that no clock stamped; 0 of others."""


class Bucket:
    """What is known of one series in one minute, so far."""

    __slots__ = ("high", "last", "low", "mono_ms", "n", "total")

    def __init__(self, value: float, mono_ms: int) -> None:
        self.n = 1
        self.total = self.low = self.high = self.last = value
        self.mono_ms = mono_ms
        """Of its first reading."""

    def add(self, value: float) -> None:
        """One more reading."""
        self.n += 1
        self.total += value
        self.last = value
        if value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value


class Minute:
    """One minute of arrival; its memory is bounded by the series that were heard in it."""

    def __init__(self) -> None:
        self._buckets: dict[Key, Bucket] = {}

    def add(self, key: Key, value: float, mono_ms: int) -> None:
        """Take a reading."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = Bucket(value, mono_ms)
        else:
            bucket.add(value)

    def __len__(self) -> int:
        """How many rows it gives."""
        return len(self._buckets)

    def rows(self) -> Iterator[tuple[Key, Bucket]]:
        """What it gives, always in the same order."""
        return iter(sorted(self._buckets.items(), key=_key))


def _key(item: tuple[Key, Bucket]) -> Key:
    return item[0]
