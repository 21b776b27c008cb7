"""Cuts of events: alerts before everything, then records, checkpoints over them, and health.

Each of the four is cut to its end before the next begins, so that cuts of any size give the same
rows in the same order, and an alert waits for nothing but other alerts.
"""

from collections.abc import Iterator
from typing import Final

from gateway.core import positions
from gateway.core.batches import Row
from gateway.core.choices import DECIDED, Choice, RowKind
from gateway.core.positions import Events
from gateway.core.pseudonyms import Pseudonyms
from gateway.store.outgoing import Outgoing
from gateway.sync.rows import Rows

SCAN: Final = 5_000
"""Rows of a table that one cut looks at, at most."""

_QUEUED: Final = (RowKind.ALERT.value, RowKind.HEALTH.value)


class EventCuts:
    """Events of one database."""

    def __init__(self, outgoing: Outgoing, choice: Choice, names: Pseudonyms | None) -> None:
        self._outgoing = outgoing
        self._rows = Rows(choice, names)
        kinds = self._rows.kinds
        self._tables = tuple(
            table
            for table, wanted in (
                ("alert", RowKind.ALERT in kinds),
                ("audit", bool(kinds - {*_QUEUED, RowKind.CHECKPOINT.value})),
                ("checkpoint", RowKind.CHECKPOINT in kinds),
                ("health", RowKind.HEALTH in kinds),
            )
            if wanted
        )
        self._told = bool(kinds & DECIDED) or RowKind.CHECKPOINT in kinds
        """A hole in the chain is of interest."""

    def cut(self, position: str, most_rows: int, until: str) -> tuple[list[Row], str, bool]:
        """The next rows."""
        at = positions.events(position)
        end = positions.events(until) if until else None
        rows: list[Row] = []
        with self._outgoing.snapshot():
            self._rows.know(self._names)
            for table in self._tables:
                at, full = self._table(table, at, end, rows, most_rows)
                if full:
                    return rows, str(at), True
        return rows, str(at) if at != Events() else position, False

    def _table(
        self, table: str, at: Events, end: Events | None, rows: list[Row], most: int
    ) -> tuple[Events, bool]:
        """Cut one table; whether there is more than was looked at."""
        bound = positions.MOST if end is None else getattr(end, table)
        limit = min(SCAN, most + 1)
        for _ in range(0, SCAN, limit):
            page = list(self._page(table, getattr(at, table), bound, limit))
            for seq, row in page:
                if row is not None and len(rows) >= most:
                    return at, True
                rows += [] if row is None else [row]
                at = at._replace(**{table: seq})
            if len(page) < limit:
                return at, False
        return at, True

    def _page(
        self, table: str, after: int, until: int, limit: int
    ) -> Iterator[tuple[int, Row | None]]:
        """Row ids of a table behind one, each with the row that it gives."""
        if table == "audit":
            yield from self._records(after, until, limit)
        elif table == "checkpoint":
            for made in self._outgoing.checkpoints(after, limit):
                if made.seq <= until:
                    yield made.seq, self._rows.checkpoint(made)
        else:
            for one in self._outgoing.queued(table, after, limit):
                if one.id <= until:
                    yield one.id, self._rows.queued(one)

    def _records(self, after: int, until: int, limit: int) -> Iterator[tuple[int, Row | None]]:
        for entry in self._outgoing.records(after, limit):
            if entry.seq > until:
                return
            if entry.seq > after + 1 and self._told:
                yield entry.seq - 1, self._rows.gap(after, entry.seq - 1, entry.at_ms)
            yield entry.seq, self._rows.record(entry)
            after = entry.seq

    def _names(self) -> Iterator[str]:
        """Everything here that has a name."""
        for series in self._outgoing.series():
            yield from (series.asset, series.source, series.device)

    def head(self) -> str:
        """Where the newest rows are."""
        with self._outgoing.snapshot():
            queued = self._outgoing.newest_queued()
            audit, checkpoint = map(self._outgoing.newest, ("audit", "audit_checkpoint"))
        return str(Events(queued, audit, checkpoint, queued))

    def left(self, position: str, until: str) -> int:
        """How many rows are behind a position."""
        at = positions.events(position)
        end = positions.events(until) if until else Events(*(positions.MOST,) * 4)
        ask, found = self._outgoing, 0
        with ask.snapshot():
            for table in self._tables:
                after, bound = getattr(at, table), getattr(end, table)
                if table in _QUEUED:
                    found += ask.queued_left(table, after) - ask.queued_left(table, bound)
                elif table == "audit":
                    found += max(min(ask.newest("audit"), bound) - after, 0)
                else:
                    found += ask.checkpoints_left(after) - ask.checkpoints_left(bound)
        return max(found, 0)

    def back(self, until: str, rows: int, position: str) -> str:
        """Events are small: they are cut from the front only."""
        del until, rows
        return position
