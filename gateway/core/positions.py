"""Positions: how far in the database a stream was, in words that only the gateway reads.

Of events, the last row of each table that a cut passed::

    alert:17,audit:2044,checkpoint:2000,health:16

Of readings, the last report (and when it came in); within a minute that gave more rows than one cut
takes, how many of them; in the middle of what the store's limits took away, how far that goes and
which hour was sent last::

    report:9001@1700000000000
    report:9001@1700000000000+5000
    report:9001@1700000000000,gap:12000@1700100000000,hour:7@1700020800000

An empty position is the beginning.
"""

import re
from typing import Final, NamedTuple

from gateway.errors import DecodeError

_EVENTS: Final = re.compile(r"alert:(\d+),audit:(\d+),checkpoint:(\d+),health:(\d+)", re.ASCII)
_PLACE: Final = re.compile(
    r"report:(\d+)@(\d+)(?:\+(\d+))?(?:,gap:(\d+)@(\d+),hour:(\d+)@(-?\d+))?",
    re.ASCII,
)
MOST: Final = 2**63 - 1


class Events(NamedTuple):
    """How far a stream of events is: the last row of each table."""

    alert: int = 0
    audit: int = 0
    checkpoint: int = 0
    health: int = 0

    def __str__(self) -> str:
        """As it is sent."""
        return ",".join(f"{name}:{at}" for name, at in zip(self._fields, self, strict=True))


class Gap(NamedTuple):
    """What is being told of reports that are gone."""

    report: int
    """The last one that is gone."""
    until_ms: int
    """When the first one behind it came in."""
    series: int = 0
    """Of the last hour that was sent; 0: none."""
    hour_at_ms: int = 0


class Place(NamedTuple):
    """How far a stream of readings is."""

    report: int = 0
    """Everything up to this one was sent."""
    at_ms: int = 0
    """When it came in; 0: not known."""
    skip: int = 0
    """Rows of the minute behind it that were sent already."""
    gap: Gap | None = None

    def __str__(self) -> str:
        """As it is sent."""
        told = f"report:{self.report}@{self.at_ms}"
        if self.skip:
            told += f"+{self.skip}"
        if self.gap is not None:
            report, until_ms, series, hour = self.gap
            told += f",gap:{report}@{until_ms},hour:{series}@{hour}"
        return told


def events(position: str) -> Events:
    """Read a position of events.

    Raises:
        DecodeError: it is none.
    """
    return Events(*_numbers(_EVENTS, position)) if position else Events()


def place(position: str) -> Place:
    """Read a position of readings.

    Raises:
        DecodeError: it is none.
    """
    if not position:
        return Place()
    report, at_ms, skip, *gap = _numbers(_PLACE, position)
    return Place(report, at_ms, skip, Gap(*gap) if gap[0] else None)


def queued(position: str) -> dict[str, int]:
    """By kind: up to which row of ``sync_row`` a position of events is past.

    Raises:
        DecodeError: it is none.
    """
    at = events(position)
    return {"alert": at.alert, "health": at.health}


def _numbers(form: re.Pattern[str], position: str) -> list[int]:
    found = form.fullmatch(position)
    numbers = [int(one or 0) for one in found.groups()] if found else []
    if not numbers or max(numbers) > MOST:
        raise DecodeError("position", f"not a position: {position[:80]!r}")
    return numbers
