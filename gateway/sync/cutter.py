"""Cutter: the next rows of one stream, out of the database.

It opens the database for reading, by itself: one for each lane, used by one thread. The same
database and position give the same rows; what a writer adds meanwhile comes behind them.
"""

from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.core.batches import Lane, Row
from gateway.core.choices import Choice
from gateway.core.pseudonyms import Pseudonyms
from gateway.store.outgoing import Outgoing
from gateway.sync.cutter_events import EventCuts
from gateway.sync.cutter_readings import ReadingCuts


class Cut(NamedTuple):
    """Rows, in order, and how far they go."""

    rows: list[Row]
    """None may be sent of what was looked at: then the position moves all the same."""
    position: str
    """Behind what was looked at; the one that was given when there was nothing."""
    more: bool
    """There is more to cut now."""


class Cuts(Protocol):
    """How one lane is cut; within a snapshot."""

    def cut(self, position: str, most_rows: int, until: str) -> tuple[list[Row], str, bool]:
        """The next rows."""
        ...

    def head(self) -> str:
        """Where the newest row is."""
        ...

    def left(self, position: str, until: str) -> int:
        """About how many rows of the database are between two positions."""
        ...

    def back(self, until: str, rows: int, position: str) -> str:
        """About so many rows of the database before a position."""
        ...


class Cutter:
    """One lane of what one cloud is sent."""

    def __init__(self, path: Path, choice: Choice, lane: Lane, names: Pseudonyms | None) -> None:
        """Open the database.

        Args:
            path: the main database; it is never written.
            choice: what is sent.
            lane: which of it.
            names: pseudonyms, where ``choice`` asks for them.

        Raises:
            ValueError: pseudonyms are asked for, and there is no key.
            StoreReadOnlyError: there is no database, or it cannot be opened.
            StoreError: it cannot be read; the subclass says why.
        """
        if choice.pseudonyms and names is None:
            raise ValueError("pseudonyms need a key")
        self._outgoing = Outgoing.open(path)
        parts = self._outgoing, choice, names if choice.pseudonyms else None
        self._cuts: Cuts = EventCuts(*parts) if lane is Lane.EVENTS else ReadingCuts(*parts)

    @property
    def epoch(self) -> str:
        """Of the database: another one has other numbers."""
        return self._outgoing.epoch

    def cut(self, position: str, most_rows: int, until: str = "") -> Cut:
        """The next rows behind a position, none behind ``until`` where that is given.

        At most ``most_rows``, but for a single report that has more readings than that.

        Raises:
            DecodeError: a position is none.
            StoreReadOnlyError: another database took its place: make another cutter.
            StoreError: it cannot be read.
        """
        return Cut(*self._cuts.cut(position, max(most_rows, 1), until))

    def head(self) -> str:
        """Where the newest row is now.

        Raises:
            StoreError: it cannot be read, as in ``cut``.
        """
        return self._cuts.head()

    def left(self, position: str, until: str = "") -> int:
        """About how many rows of the database (reports, records) are between two positions.

        Raises:
            DecodeError, StoreError: as in ``cut``.
        """
        return self._cuts.left(position, until)

    def back(self, until: str, rows: int, position: str = "") -> str:
        """About so many rows of the database before ``until``, and not before ``position``.

        Raises:
            DecodeError, StoreError: as in ``cut``.
        """
        return self._cuts.back(until, rows, position)

    def close(self) -> None:
        """Let the database go."""
        self._outgoing.close()
