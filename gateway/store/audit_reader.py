"""The audit chain as seen from outside the daemon, by a connection that cannot write."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain as chain_of
from typing import Final, NamedTuple

from gateway.core.audit import Entry, Head, Kind
from gateway.core.audit_walk import Break, walk
from gateway.errors import StoreError
from gateway.store import audit_check, chain, schema
from gateway.store.audit_check import PAGE, Checked, Trust
from gateway.store.faults import translated

_BEFORE: Final = (
    "SELECT DISTINCT seq, at_ms, boot, mono_ms, clock, kind, subject, body, hash "
    "FROM audit_before WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT ?"
)
_FEEDBACK: Final = """
SELECT a.subject, a.body, d.at_ms, json_extract(d.explanation, '$.span_s')
FROM audit a LEFT JOIN decision d ON d.id = a.subject WHERE a.kind = ? ORDER BY a.seq"""


class Before(NamedTuple):
    """What was rescued of the chain of a damaged database."""

    epoch: str
    records: int
    first: int
    last: int
    breaks: tuple[Break, ...]
    """Where it is not whole; the damage itself takes records away, and changes none."""

    @property
    def lost(self) -> int:
        """Records between the first and the last that could not be read."""
        return self.last - self.first + 1 - self.records


class Said(NamedTuple):
    """What somebody said of a decision, and the period it is about."""

    decision: str
    body: dict[str, object]
    since_ms: int
    until_ms: int


class AuditReader:
    """The chain of one database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Reads with a connection that somebody else closes.

        Raises:
            StoreError: the database is older than the chain.
        """
        if schema.AUDITED not in schema.applied(connection):
            raise StoreError(
                "this database has no audit chain yet: it gets one when the gateway starts"
            )
        self._connection = connection

    def check(self, trust: Trust, others: Iterable[str] = ()) -> Checked:
        """Walk the chain; see ``audit_check.check``."""
        return audit_check.check(self._connection, trust, others)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Records in order, from the one behind ``after``."""
        with translated("audit"):
            yield from audit_check.entries(self._connection, after)

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """(record, document) in order."""
        with translated("audit"):
            yield from audit_check.checkpoints(self._connection)

    def newest_checkpoint(self) -> str:
        """The newest one, as JSON; empty when there is none."""
        with translated("audit"):
            return chain.newest_checkpoint(self._connection)

    def place(self, seq: int) -> tuple[str, int, int, bytes]:
        """The epoch, the first and the last record, and the hash of one (empty: not there)."""
        query = (
            "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0), "
            "coalesce((SELECT hash FROM audit WHERE seq = ?), x'') FROM audit"
        )
        with translated("audit"):
            found = self._connection.execute(query, (seq,)).fetchone()
            return (chain.epoch(self._connection), *found)

    def keys(self) -> list[str]:
        """Public keys that the chain itself names, oldest first."""
        query = "SELECT body FROM audit WHERE kind = ? ORDER BY seq"
        with translated("audit"):
            rows = self._connection.execute(query, (Kind.KEY.value,)).fetchall()
        return [str(json.loads(body).get("public_key", "")) for (body,) in rows if body[:1] == "{"]

    def before(self) -> list[Before]:
        """The chains of databases that were damaged."""
        query = "SELECT DISTINCT epoch FROM audit_before ORDER BY epoch"
        with translated("audit"):
            return [self._before(epoch) for (epoch,) in self._connection.execute(query).fetchall()]

    def _before(self, epoch: str) -> Before:
        rows = self._rescued(epoch)
        first = next(rows, None)
        start = Head() if first is None or first.seq == 1 else None
        found = walk(chain_of([first] if first else [], rows), start, ())
        last = found.head.seq if found.head else 0
        return Before(epoch, found.records, found.first, last, tuple(found.breaks))

    def _rescued(self, epoch: str, after: int = 0) -> Iterator[Entry]:
        while page := self._connection.execute(_BEFORE, (epoch, after, PAGE)).fetchall():
            yield from map(Entry._make, page)
            after = page[-1][0]

    def feedback(self) -> list[Said]:
        """What was said of decisions: of each decision the last word, in the order it was said."""
        found: dict[str, Said] = {}
        with translated("feedback"):
            for decision, body, at_ms, span_s in self._connection.execute(
                _FEEDBACK, (Kind.FEEDBACK.value,)
            ):
                found.pop(decision, None)
                found[decision] = _said(decision, json.loads(body), at_ms, span_s)
        return list(found.values())


def _said(decision: str, body: dict[str, object], at_ms: int | None, span_s: float | None) -> Said:
    """The period is the row's, which is re-stamped with the clock; the record's without a row."""
    since, until = _whole(body.get("since_ms")), _whole(body.get("until_ms"))
    if at_ms is not None:
        span = round(span_s * 1000) if span_s else until - since
        since, until = at_ms - span, at_ms
    return Said(decision, body, since, until)


def _whole(value: object) -> int:
    return value if type(value) is int else 0
