"""The ledger of sync as people look at it: beside the process that owns it, or without one."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gateway.store.faults import transaction, translated
from gateway.store.sync_opening import connect_beside

_LANES = (
    "SELECT l.sink, l.lane, l.seq, l.sent, l.refused, l.skipped, l.lost, b.last - b.first + 1 "
    "FROM lane l LEFT JOIN batch b ON b.sink = l.sink AND b.lane = l.lane ORDER BY 1, 2"
)
_REFUSED = "SELECT id, sink, lane, seq, at_ms, reason, row, again FROM refused"


class LaneNote(NamedTuple):
    """What the ledger knows of a lane."""

    sink: str
    lane: str
    seq: int
    sent: int
    refused: int
    skipped: int
    lost: int
    unconfirmed: int | None
    """Rows of the batch that is on its way."""


class RefusedNote(NamedTuple):
    """A row that was refused."""

    id: int
    sink: str
    lane: str
    seq: int
    at_ms: int
    reason: str
    row: str
    again: int
    """1: it is to be offered once more."""


def lanes(path: Path) -> list[LaneNote]:
    """Every lane there ever was.

    Raises:
        StoreReadOnlyError: there is no ledger.
        StoreError: it cannot be read.
    """
    with translated(f"read {path}"), closing(connect_beside(path)) as db:
        return [LaneNote(*row) for row in db.execute(_LANES)]


def refused(path: Path, sink: str = "", limit: int = 1_000) -> list[RefusedNote]:
    """The newest rows that were refused, oldest first.

    Raises:
        StoreError: as ``lanes``.
    """
    query = f"{_REFUSED} WHERE ? IN ('', sink) ORDER BY id DESC LIMIT ?"
    with translated(f"read {path}"), closing(connect_beside(path)) as db:
        return [RefusedNote(*row) for row in db.execute(query, (sink, limit))][::-1]


def offer_again(path: Path, sink: str) -> int:
    """Have the refused rows of a sink offered once more; how many.

    Raises:
        StoreError: as ``lanes``.
    """
    with translated(f"write {path}"), closing(connect_beside(path)) as db:
        return _offer(db, sink)


def _offer(db: sqlite3.Connection, sink: str) -> int:
    with transaction(db):
        return db.execute("UPDATE refused SET again = 1 WHERE sink = ?", (sink,)).rowcount
