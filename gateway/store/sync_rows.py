"""Rows for clouds: alerts and health, stored with what they tell of until every cloud has them.

Readings, records and checkpoints are read from their own tables; only what is nowhere else is
stored here, and only when a cloud wants it. What no cloud fetches is bounded: health gives way
first, alerts last, and what went is counted.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.store import bulk, queries
from gateway.store.batch import SyncRow
from gateway.store.packing import plain
from gateway.store.records import Stamp

TABLES: Final = """
-- what clouds are sent and no other table holds; clock: as in report
CREATE TABLE sync_row (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, asset TEXT NOT NULL,
    at_ms INTEGER NOT NULL, body TEXT NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    clock INTEGER NOT NULL);
CREATE INDEX sync_row_kind ON sync_row (kind);
"""
MOST: Final = 50_000
"""Rows of every kind; an alert has some 200 bytes."""
MOST_HEALTH: Final = 2_000
"""Of these rows of health, which have some kilobytes: a day and a half of one a minute."""
BODY_BYTES: Final = 64 * 1024
"""A longer body is left out."""
LOSS: Final = ("health", "", "alert")
"""Which kind gives way first; empty: all others."""

_INSERT: Final = (
    "INSERT INTO sync_row (kind, asset, at_ms, body, boot, mono_ms, clock) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def insert(connection: sqlite3.Connection, rows: Sequence[SyncRow], stamp: Stamp) -> None:
    """Store rows, and drop the oldest beyond the bound; call within a transaction."""
    if not rows:
        return
    when = (stamp.boot, stamp.mono_ms, stamp.clock)
    fitting = [one for one in rows if len(one.body) <= BODY_BYTES]
    told = [(one.kind, plain(one.asset), one.at_ms, plain(one.body), *when) for one in fitting]
    bulk.insert(connection, _INSERT, told)
    counts = {("dropped.sync_row", "size"): len(rows) - len(fitting)}
    queries.count(connection, counts | _bounded(connection))


def _bounded(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Drop what is too much; how many of which kind."""
    if queries.span(connection, "sync_row") <= MOST_HEALTH:
        return {}
    gone: dict[tuple[str, str], int] = {}
    query = "SELECT kind, count(*) FROM sync_row GROUP BY kind"
    there = dict(connection.execute(query).fetchall())
    surplus = sum(there.values()) - MOST
    for kind in LOSS:
        own = sum(n for name, n in there.items() if _is(name, kind))
        over = max(surplus, own - MOST_HEALTH if kind == "health" else 0)
        if over > 0:
            dropped = drop(connection, kind, over)
            gone["dropped.sync_row", kind or "other"] = dropped
            surplus -= dropped
    return gone


def _is(name: str, kind: str) -> bool:
    return name == kind if kind else name not in LOSS


def drop(connection: sqlite3.Connection, kind: str, rows: int) -> int:
    """Drop the oldest rows of a kind; how many there were."""
    which = "kind = ?" if kind else "kind NOT IN ('health', 'alert', ?)"
    picked = f"SELECT id FROM sync_row WHERE {which} ORDER BY id LIMIT ?"  # noqa: S608 - our words
    delete = f"DELETE FROM sync_row WHERE id IN ({picked})"  # noqa: S608 - our own words
    return connection.execute(delete, (kind, rows)).rowcount


def trim(connection: sqlite3.Connection, taken: Mapping[str, int]) -> None:
    """Forget what every cloud has; call within a transaction.

    Args:
        connection: the writer's.
        taken: kind -> the last row that no cloud needs any more.
    """
    delete = "DELETE FROM sync_row WHERE kind = ? AND id <= ?"
    connection.executemany(delete, list(taken.items()))
