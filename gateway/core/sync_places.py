"""Places: the words in a batch's ``position`` that say how far a lane is in its database.

Readings go out in two lanes: ``live`` may jump over what gathered while there was no link, and
``backfill`` sends that span later. Both keep in their position what is needed to go on if the
gateway's own notes are lost, as the receiver gives it back: ``live`` how many jumps it made and
which spans were not sent yet, ``backfill`` up to which jump it knows of them, where that one ended,
and what is left.

    report:9001
    report:9001 jumps:3 3=report:700..report:8000
    report:8000 jumps:3 3=report:1900..report:8000
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

NOWHERE: Final = "-"
_JUMPS: Final = re.compile(r"jumps:([0-9]{1,15})", re.ASCII)
_SPAN: Final = re.compile(r"([0-9]{1,15})=(\S*)\.\.(\S+)", re.ASCII)


class Span(NamedTuple):
    """What lies between two positions of the database: after the first, up to the second."""

    number: int
    """Of the jump that left it out, from 1."""
    start: str
    """Empty: from the beginning."""
    until: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lane is."""

    at: str = ""
    """The cutter's own position; empty: at the beginning. Of ``backfill`` the end of the last jump
    that it knows of."""
    jumps: int = 0
    """Jumps that are behind it; in ``backfill``, whose spans are in ``open`` or sent."""
    open: tuple[Span, ...] = ()
    """Spans that are still to be sent."""

    def __str__(self) -> str:
        """As it is sent."""
        if not self.jumps and not self.open:
            return self.at
        spans = (f"{number}={start}..{until}" for number, start, until in self.open)
        return " ".join((self.at or NOWHERE, f"jumps:{self.jumps}", *spans))

    def owed(self, spans: Iterable[Span]) -> tuple[Span, ...]:
        """What ``backfill`` has to send at this place, with all spans there ever were."""
        return (*self.open, *(span for span in spans if span.number > self.jumps))


def read(text: str) -> Place:
    """Read a position.

    Raises:
        ValueError: it is none of ours.
    """
    at, *words = text.split(" ")
    if not words:
        return Place(at)
    jumps = _JUMPS.fullmatch(words[0])
    spans = [_SPAN.fullmatch(word) for word in words[1:]]
    if jumps is None or not at:
        raise ValueError(f"not a position: {text[:80]!r}")
    found = [Span(int(one[1]), one[2], one[3]) for one in spans if one is not None]
    if len(found) != len(spans):
        raise ValueError(f"not a position: {text[:80]!r}")
    return Place("" if at == NOWHERE else at, int(jumps[1]), tuple(found))
