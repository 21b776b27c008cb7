"""History: what was recorded between two times, in order of arrival, for a replay.

Read in pages, each fetched at once, from a connection that cannot write: the daemon may go on
beside it. What is stored after the replay began is not part of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.core.readings import Value
from gateway.core.signals import Signal
from gateway.store import schema
from gateway.store.blocks import block_rows
from gateway.store.faults import translated
from gateway.store.packing import Row
from gateway.store.readback import Series
from gateway.store.reader import Reader

PAGE: Final = 2_000
"""Reports in memory at a time."""
_SCATTER: Final = 1_000
"""Reports are looked at around either end: those that were late are not in the order of time."""

_DECISIONS: Final = "SELECT id, asset, at_ms, policy, event, mode, action, refused, verdict"


class Stored(NamedTuple):
    """One reading as it was stored."""

    series: Series
    value: Value
    reason: str


class Arrival(NamedTuple):
    """One report as it came in."""

    at_ms: int
    received_at_ms: int
    mono_ms: int
    boot: int
    clock_ok: bool
    """The wall clock was right then, and not repaired later."""
    readings: tuple[Stored, ...]
    signals: Mapping[int, Signal]
    """The samples behind a reading, by its place among ``readings``."""


class Past(NamedTuple):
    """One decision as it was recorded."""

    id: str
    asset: str
    at_ms: int
    policy: str
    event: str
    mode: str
    action: str
    refused: str
    verdict: str
    """JSON."""
    value: float | None = None


class Thinned(NamedTuple):
    """A series of which only hourly values are left."""

    key: str
    first_at_ms: int
    last_at_ms: int
    hours: int


class Sent(NamedTuple):
    """One command that left."""

    id: str
    asset: str
    action: str
    at_ms: int


class Event(NamedTuple):
    """One record of the audit chain."""

    at_ms: int
    boot: int
    kind: str
    body: str
    """JSON."""


class History(Reader):
    """A connection that cannot write, and walks through the past."""

    def arrivals(self, since_ms: int, until_ms: int) -> Iterator[Arrival]:
        """Reports received from one time to another, in the order in which they came.

        Raises:
            StoreError: the database cannot be read.
        """
        first, last = self._ends(since_ms, until_ms)
        while first <= last:
            page = self._page(first, last)
            if not page:
                return
            sampled = self._sampled(page[0].id, page[-1].id)
            for row in page:
                if since_ms <= row.received_at_ms <= until_ms:
                    yield self._arrival(row, sampled=row.id in sampled)
            first = page[-1].id + 1

    def _ends(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """The first and the last row id to look at; nothing in between where there is none."""
        early = "SELECT id FROM report WHERE at_ms >= ? ORDER BY at_ms, id LIMIT ?"
        late = "SELECT id FROM report WHERE at_ms <= ? ORDER BY at_ms DESC, id DESC LIMIT ?"
        with translated("history"):
            ask = self._connection.execute
            first = ask(f"SELECT min(id) FROM ({early})", (since_ms, _SCATTER)).fetchone()[0]  # noqa: S608 - our own words only
            last = ask(f"SELECT max(id) FROM ({late})", (until_ms, _SCATTER)).fetchone()[0]  # noqa: S608 - our own words only
        return (1, 0) if first is None or last is None else (int(first), int(last))

    def _page(self, first: int, last: int) -> list[Row]:
        with translated("history"):
            where = "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
            return list(self._unpacker.rows(where, (first, last, PAGE)))

    def _sampled(self, first: int, last: int) -> frozenset[int]:
        """The reports that brought samples; they are many, and are read when their turn comes."""
        if not self._has("signal_block"):
            return frozenset()
        query = "SELECT DISTINCT report FROM signal_block WHERE report BETWEEN ? AND ?"
        with translated("history"):
            return frozenset(one for (one,) in self._connection.execute(query, (first, last)))

    def _arrival(self, row: Row, *, sampled: bool) -> Arrival:
        values = row.values()
        layout = self._unpacker.layout(row.layout)
        both = zip(layout, values, row.reasons(len(values)), strict=True)
        readings = tuple(Stored(series, value, reason) for series, value, reason in both)
        times = (row.at_ms, row.received_at_ms, row.mono_ms, row.boot)
        return Arrival(*times, row.clock == 1, readings, self._samples(row.id) if sampled else {})

    def _samples(self, report: int) -> dict[int, Signal]:
        with translated("history"):
            blocks = list(block_rows(self._connection, "WHERE report = ?", (report,)))
        found = {block.position: block.signal() for block in blocks}
        return {place: signal for place, signal in found.items() if signal is not None}

    def _has(self, table: str) -> bool:
        """False in a database that an older program wrote."""
        query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        with translated("history"):
            return bool(self._connection.execute(query, (table,)).fetchone()[0])

    def first_ms(self) -> int | None:
        """When the oldest report that is still there came in."""
        return self._one("SELECT received_at_ms FROM report ORDER BY id LIMIT 1")

    def last_ms(self) -> int | None:
        """When the newest report came in, or when the gateway was last seen alive after it."""
        query = (
            "SELECT r.received_at_ms + max(0, b.last_mono_ms - r.mono_ms)"
            " FROM report r JOIN boot b ON b.id = r.boot ORDER BY r.id DESC LIMIT 1"
        )
        return self._one(query)

    def _one(self, query: str) -> int | None:
        with translated("history"):
            row = self._connection.execute(query).fetchone()
        return None if row is None else int(row[0])

    def seen_mono_ms(self) -> dict[int, int]:
        """By boot: until when the gateway is known to have run, on that boot's monotonic clock."""
        with translated("history"):
            return dict(self._connection.execute("SELECT id, last_mono_ms FROM boot").fetchall())

    def series(self) -> list[Series]:
        """Everything that was ever stored, by name."""
        with translated("history"):
            query = "SELECT id, key, asset, source, device, metric, unit FROM series ORDER BY id"
            return [Series(*row) for row in self._connection.execute(query)]

    def thinned(self, since_ms: int, until_ms: int) -> list[Thinned]:
        """The series of which hours of that time are left, but no samples."""
        query = (
            "SELECT s.key, min(h.hour_at_ms), max(h.hour_at_ms), count(*) FROM reading_hour h"
            " JOIN series s ON s.id = h.series WHERE h.hour_at_ms BETWEEN ? AND ?"
            " GROUP BY s.key ORDER BY s.key"
        )
        with translated("history"):
            rows = self._connection.execute(query, (since_ms - 3_600_000 + 1, until_ms)).fetchall()
        return [Thinned(*row) for row in rows]

    def decisions(self, since_ms: int, until_ms: int) -> list[Past]:
        """What was decided from one time to another, oldest first."""
        with translated("history"):
            query = f"{self._decisions()} WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms, rowid"
            rows = self._connection.execute(query, (since_ms, until_ms)).fetchall()
        return [Past(*row) for row in rows]

    def _decisions(self) -> str:
        had = schema.decision_values.__name__ in schema.applied(self._connection)
        return f"{_DECISIONS}{', value' if had else ''} FROM decision"

    def standing(self, before_ms: int) -> list[Past]:
        """The newest decision of each policy before a time."""
        newest = "SELECT max(rowid) FROM decision WHERE at_ms < ? GROUP BY asset, policy"
        with translated("history"):
            query = f"{self._decisions()} WHERE rowid IN ({newest}) ORDER BY rowid"
            rows = self._connection.execute(query, (before_ms,)).fetchall()
        return [Past(*row) for row in rows]

    def events(self, kinds: Sequence[str], since_ms: int, until_ms: int) -> list[Event]:
        """Records of the audit chain, oldest first; none in a database that has no chain yet."""
        if not self._has("audit"):
            return []
        marks = ", ".join("?" * len(kinds))
        query = (
            f"SELECT at_ms, boot, kind, body FROM audit WHERE kind IN ({marks})"  # noqa: S608 - question marks
            " AND at_ms BETWEEN ? AND ? ORDER BY seq"
        )
        with translated("history"):
            rows = self._connection.execute(query, (*kinds, since_ms, until_ms)).fetchall()
        return [Event(*row) for row in rows]

    def sent(self, since_ms: int, until_ms: int) -> list[Sent]:
        """Commands that were, or may have been, published in a time, oldest first."""
        query = (
            "SELECT id, asset, action, sent_at_ms FROM command"
            " WHERE sent_at_ms BETWEEN ? AND ? ORDER BY sent_at_ms, rowid"
        )
        with translated("history"):
            rows = self._connection.execute(query, (since_ms, until_ms)).fetchall()
        return [Sent(*row) for row in rows]

    def kept(self, room: str) -> dict[str, str]:
        """Everything in a room, as the daemon keeps it now."""
        with translated("history"):
            query = "SELECT key, text FROM kept WHERE room = ?"
            return dict(self._connection.execute(query, (room,)).fetchall())
