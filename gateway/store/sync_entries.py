"""What is written into the ledger of sync, each within a transaction of ``sync_ledger``."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.core.batches import Cursor

MARKS: Final = 2_000
"""Batches of a lane whose places are remembered; the first row's is, always."""
SPANS: Final = 256
"""Jumps of a sink that are remembered."""
DAYS: Final = 31
REFUSED: Final = 10_000
"""Refused rows that are kept of a sink; the oldest give way, and are counted."""

_REFUSE: Final = (
    "INSERT INTO refused (sink, lane, epoch, seq, at_ms, reason, row) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Key(NamedTuple):
    """One lane of one sink."""

    sink: str
    lane: str


class Aside(NamedTuple):
    """A row that was refused."""

    seq: int
    reason: str
    row: str
    """JSON, as it was sent."""


def stand(db: sqlite3.Connection, key: Key, cursor: Cursor) -> None:
    """The lane is there now, and nothing is on its way."""
    db.execute(
        "INSERT INTO lane (sink, lane, seq, position) VALUES (?, ?, ?, ?) ON CONFLICT "
        "(sink, lane) DO UPDATE SET seq = excluded.seq, position = excluded.position",
        (*key, *cursor),
    )
    drop(db, key)


def drop(db: sqlite3.Connection, key: Key) -> None:
    """Nothing is on its way."""
    db.execute("DELETE FROM batch WHERE sink = ? AND lane = ?", key)


def mark(db: sqlite3.Connection, key: Key, cursor: Cursor) -> None:
    """Here ends a batch."""
    db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)", (*key, *cursor))


def count(db: sqlite3.Connection, key: Key, what: str, rows: int) -> None:
    """So many rows more."""
    if rows:
        db.execute(
            f"UPDATE lane SET {what} = {what} + ? WHERE sink = ? AND lane = ?",  # noqa: S608 - our own words
            (rows, *key),
        )


def refuse(
    db: sqlite3.Connection, key: Key, epoch: str, aside: Sequence[Aside], at_ms: int
) -> None:
    """Set rows aside; the oldest give way."""
    rows = [(*key, epoch, one.seq, at_ms, one.reason, one.row) for one in aside]
    db.executemany(_REFUSE, rows)
    count(db, key, "refused", len(aside))
    if aside:
        limit = "(SELECT id FROM refused WHERE sink = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
        gone = db.execute(
            f"DELETE FROM refused WHERE sink = ? AND id <= {limit}",  # noqa: S608 - our own words
            (key.sink, key.sink, REFUSED),
        )
        count(db, key, "lost", gone.rowcount)
