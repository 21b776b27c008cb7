"""Retention: what goes, in which order, and why; every row that goes is counted.

Age is running time (see ``boots``), so no jump of the wall clock deletes anything; it acts only
when the clock is trusted. Pressure (the quota, or a full disk) needs no clock: it takes the oldest
by order of arrival, along ``LOSS_ORDER``.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from itertools import takewhile
from typing import Final, NamedTuple

from gateway.store import chain, sync_rows
from gateway.store.readback import Unpacker
from gateway.store.settings import DAY_MS, StoreSettings
from gateway.store.thinning import oldest, thin

ROWS: Final = 2_000
"""Rows looked at in one step: about 20 ms of work, so that commits do not wait long."""
FULL_ROWS: Final = 200
"""The same on a disk without room: what a step changes must fit into the reserve, in the WAL."""
FULL_STEPS: Final = 5
FRESH_MS: Final = DAY_MS
"""Reports younger than this in running time are thinned last."""
REJECTS_KEPT: Final = 100
"""Under pressure, so that somebody can still see what was wrong."""

SIGNALS_KEPT: Final = 100
"""Blocks of samples that stay under pressure, as long as anything else can go."""
BLOCK_ROWS: Final = 20
"""Rows of reports that one block of samples weighs as much as."""

Counts = Counter[tuple[str, str]]
"""(kind, reason) -> rows."""


class Shed(NamedTuple):
    """What one step did."""

    counts: Counts
    thinned: int = 0


class Step(NamedTuple):
    """One place in the order of loss."""

    kind: str
    shed: "Callable[[Shedder, str], Shed]"


class Shedder:
    """Drops rows of one database; call within a transaction."""

    def __init__(
        self, connection: sqlite3.Connection, unpacker: Unpacker, running_ms: int, rows: int
    ) -> None:
        self._connection = connection
        self._unpacker = unpacker
        self._running_ms = running_ms
        self._rows = rows
        self.dropped: dict[str, dict[str, object]] = {}
        """What the audit chain must know of: table -> rows, the newest record of them, why."""

    def by_age(self, settings: StoreSettings) -> Shed:
        """One step over each kind that has rows older than the user wants."""
        counts: Counts = Counter()
        done = self.reports(self._running_ms - settings.keep("readings"), "age")
        counts.update(done.counts)
        for kind, table in _AGING:
            counts.update(self._expired(table, self._running_ms - settings.keep(kind)))
        counts.update(self.records("age", self._running_ms - settings.keep("audit")).counts)
        return Shed(counts, done.thinned)

    def by_pressure(self, reason: str) -> Shed:
        """One step at the first place of ``LOSS_ORDER`` that has anything left to give."""
        for step in LOSS_ORDER:
            done = step.shed(self, reason)
            if done.counts:
                return done
        return Shed(Counter())

    def reports(self, older_ms: int, reason: str) -> Shed:
        """Thin the oldest reports below a running time."""
        rows = oldest(self._connection, older_ms, self._rows)
        done = thin(self._connection, self._unpacker, rows)
        counts: Counts = Counter()
        if done.reports > done.damaged:
            counts["report", reason] = done.reports - done.damaged
        if done.damaged:
            counts["report", "damaged"] = done.damaged
        return Shed(counts, done.readings)

    def stale_reports(self, reason: str) -> Shed:
        """Thin reports older than ``FRESH_MS``."""
        return self.reports(self._running_ms - FRESH_MS, reason)

    def any_reports(self, reason: str) -> Shed:
        """Thin reports of any age, but the newest."""
        return self.reports(self._running_ms + DAY_MS, reason)

    def front(self, table: str, reason: str, *, spare: int = 0, where: str = "1") -> Shed:
        """Drop the oldest rows of a table, but for the newest ``spare``."""
        last = f"(SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT 1 OFFSET {spare})"  # noqa: S608
        picked = f"SELECT rowid FROM {table} WHERE {where} ORDER BY rowid LIMIT {self._rows}"  # noqa: S608
        bound = f"rowid <= {last} AND " if spare else ""
        dropped = self._delete(table, f"{bound}rowid IN ({picked})", reason)
        return Shed(Counter({(table, reason): dropped} if dropped else {}))

    def blocks(self, reason: str, *, spare: int = 0) -> Shed:
        """Drop the oldest blocks of samples, but for the newest ``spare``."""
        fewer = Shedder(
            self._connection,
            self._unpacker,
            self._running_ms,
            max(1, self._rows // BLOCK_ROWS),
        )
        return fewer.front("signal_block", reason, spare=spare)

    def for_clouds(self, kind: str, reason: str) -> Shed:
        """Drop the oldest rows of a kind that clouds have not fetched."""
        dropped = sync_rows.drop(self._connection, kind, self._rows)
        return Shed(Counter({("sync_row", reason): dropped} if dropped else {}))

    def _expired(self, table: str, older_ms: int) -> Counts:
        query = (
            f"SELECT t.rowid, b.base_ms - b.first_mono_ms + t.mono_ms FROM {table} t "  # noqa: S608
            "JOIN boot b ON b.id = t.boot ORDER BY t.rowid LIMIT ?"
        )
        rows = self._connection.execute(query, (ROWS,))
        old = [row for row, _ in takewhile(lambda one: one[1] < older_ms, rows)]
        if not old:
            return Counter()
        condition = _WHERE.get(table, "1")
        dropped = self._delete(table, f"rowid <= {int(old[-1])} AND {condition}", "age")
        return Counter({(table, "age"): dropped} if dropped else {})

    def _delete(self, table: str, where: str, reason: str) -> int:
        """Drop rows; which records told of them is noted before they are gone."""
        until = None
        if table in chain.AUDITED:
            query = f"SELECT max(audit) FROM {table} WHERE {where}"  # noqa: S608 - our own names
            (until,) = self._connection.execute(query).fetchone()
        rows = self._connection.execute(f"DELETE FROM {table} WHERE {where}").rowcount  # noqa: S608
        if until is not None:
            self.dropped[table] = {"rows": rows, "until": until, "reason": reason}
        return rows

    def records(self, reason: str, older_ms: int | None = None) -> Shed:
        """Drop the oldest audit records, up to a signed checkpoint; the newest one stays."""
        bound = self._running_ms + DAY_MS if older_ms is None else older_ms
        found = self._connection.execute(_ANCHOR, (bound, self._rows)).fetchone()
        if found is None:
            return Shed(Counter())
        seq, hash_ = found
        rows = self._connection.execute("DELETE FROM audit WHERE seq <= ?", (seq,)).rowcount
        self._connection.execute("DELETE FROM audit_checkpoint WHERE seq < ?", (seq,))
        told = {"rows": rows, "until": seq, "hash": hash_.hex(), "reason": reason}
        self.dropped["audit"] = told
        return Shed(Counter({("audit", reason): rows}))


_ENDED: Final = "state IN ('confirmed', 'failed', 'timeout', 'expired', 'refused')"
_WHERE: Final = {"command": _ENDED}
"""A command that has not ended is never dropped."""

_AGING: Final = (
    ("signals", "signal_block"),
    ("hours", "reading_hour"),
    ("verdicts", "verdict"),
    ("decisions", "decision"),
    ("decisions", "command"),
    ("rejects", "reject"),
)
"""Kind of the user's file, table."""

_ANCHOR: Final = """
SELECT c.seq, a.hash FROM audit_checkpoint c JOIN audit a ON a.seq = c.seq
JOIN boot b ON b.id = a.boot
WHERE b.base_ms - b.first_mono_ms + a.mono_ms < ?
AND c.seq < (SELECT max(seq) FROM audit_checkpoint)
AND c.seq <= max((SELECT min(seq) FROM audit) + ?, (SELECT min(seq) FROM audit_checkpoint
    WHERE seq >= (SELECT min(seq) FROM audit)))
ORDER BY c.seq DESC LIMIT 1"""
"""The last checkpoint within reach of one step; where there is none the first one beyond it."""

LOSS_ORDER: Final = (
    Step("rejects", lambda all_, why: all_.front("reject", why, spare=REJECTS_KEPT)),
    Step("health", lambda all_, why: all_.for_clouds("health", why)),
    Step("signals", lambda all_, why: all_.blocks(why, spare=SIGNALS_KEPT)),
    Step("readings", Shedder.stale_reports),
    Step("verdicts", lambda all_, why: all_.front("verdict", why, spare=ROWS)),
    Step("hours", lambda all_, why: all_.front("reading_hour", why, spare=ROWS)),
    Step("signals", lambda all_, why: all_.blocks(why)),
    Step("readings", Shedder.any_reports),
    Step("hours", lambda all_, why: all_.front("reading_hour", why)),
    Step("verdicts", lambda all_, why: all_.front("verdict", why)),
    Step("rejects", lambda all_, why: all_.front("reject", why)),
    Step("outbox", lambda all_, why: all_.front("outbox", why)),
    Step("commands", lambda all_, why: all_.front("command", why, where=_ENDED)),
    Step("decisions", lambda all_, why: all_.front("decision", why)),
    Step("alerts", lambda all_, why: all_.for_clouds("alert", why)),
    Step("audit", Shedder.records),
)
"""What goes first; decisions, what clouds must be told, and the chain of records go last."""
