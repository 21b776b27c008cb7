"""Hours: when in the week something may be done, as people write it on a door.

``Mo-Fr 06:00-22:00; Sa 08:00-12:00 Europe/Berlin``: days (all of them when none are named), times
of the day, and the zone they are in. A span over midnight belongs to the day on which it begins.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAY_MIN = 24 * 60

_SPAN = re.compile(r"(?:([A-Za-z,-]+) +)?([0-9]{2}):([0-9]{2}) ?- ?([0-9]{2}):([0-9]{2})", re.ASCII)
_FORM = "write it like Mo-Fr 06:00-22:00 Europe/Berlin"


class Span(NamedTuple):
    """From one minute of the day to another, on some days of the week."""

    days: frozenset[int]
    """0 is Monday."""
    start_min: int
    end_min: int
    """Not included; at or before ``start_min`` it is on the next day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The spans of a week in one time zone."""

    text: str
    spans: tuple[Span, ...]
    zone: tzinfo = UTC

    def open(self, now_ms: int) -> bool:
        """Tell whether a time (UTC epoch ms) is within the hours; one beyond all dates is not."""
        try:
            local = datetime.fromtimestamp(now_ms / 1000, self.zone)
        except (OverflowError, OSError, ValueError):
            return False
        minute, today = local.hour * 60 + local.minute, local.weekday()
        return any(_within(span, today, minute) for span in self.spans)


def _within(span: Span, today: int, minute: int) -> bool:
    days, start, end = span
    if start < end:
        return today in days and start <= minute < end
    return (today in days and minute >= start) or ((today - 1) % 7 in days and minute < end)


def parse(text: str) -> tuple[tuple[Span, ...], str]:
    """Read hours; gives the spans and the name of the zone.

    Raises:
        ValueError: it has no such form, or names no zone.
    """
    said, _, zone = text.strip().rpartition(" ")
    if not said or not re.match(r"[A-Za-z]", zone):
        raise ValueError(f"hours need their time zone: {_FORM}, or UTC at its end")
    return tuple(_span(part.strip()) for part in said.split(";")), zone


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"not hours: {text!r}; {_FORM}")
    start, end = _minute(found[2], found[3]), _minute(found[4], found[5])
    if start in (DAY_MIN, end):
        raise ValueError(f"no time lies within {text!r}; a whole day is 00:00-24:00")
    return Span(_days(found[1]), start, end)


def _minute(hour: str, minute: str) -> int:
    at = int(hour) * 60 + int(minute)
    if int(minute) >= 60 or at > DAY_MIN:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f"there is no {hour}:{minute}; a day goes from 00:00 to 24:00")
    return at


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start, end = _day(first), _day(last if dash else first)
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(found)


def _day(word: str) -> int:
    if word not in DAYS:
        raise ValueError(f"{word!r} is no day; they are {', '.join(DAYS)}")
    return DAYS.index(word)
