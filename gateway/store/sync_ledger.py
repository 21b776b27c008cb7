"""The ledger of sync: how far each lane of each sink is, in a database of the sync process's own.

It lies beside the gateway's database, which that process never writes. Every method is one
transaction, durable when it returns (``synchronous=FULL``): a process that dies between any two of
them goes on as if it had not. Nothing of it is precious: if it is damaged it is set aside, and what
the receivers know brings it back.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from gateway.core.batches import Batch, Cursor, Header, Stream
from gateway.core.sync_places import Span
from gateway.store import sync_entries as entries
from gateway.store import sync_opening
from gateway.store.faults import transaction, translated
from gateway.store.sync_entries import DAYS, MARKS, SPANS, Aside, Key

_COLUMNS: Final = (
    *("base", "suffix", "seq", "position", "asked"),
    *("sent", "refused", "skipped", "lost"),
)
_STATE: Final = f"SELECT {', '.join(_COLUMNS)} FROM lane WHERE sink = ? AND lane = ?"  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class State:
    """How far a lane is."""

    base: str = ""
    """Epoch of the database that its rows are of."""
    suffix: str = ""
    """Of the stream's epoch: another one each time the stream had to begin anew."""
    seq: int = 0
    """The last row that the receiver has."""
    position: str = ""
    """Where in the database the next row is looked for."""
    asked: int = 0
    """1: the receiver has been asked since the ledger was made."""
    sent: int = 0
    """Rows that were taken, over all streams; ``refused`` and ``skipped`` likewise."""
    refused: int = 0
    skipped: int = 0
    lost: int = 0
    """Refused rows that are not kept any more."""

    @property
    def epoch(self) -> str:
        """Of its stream."""
        return f"{self.base}-{self.suffix}" if self.suffix else self.base


class Ledger:
    """An open ledger; any thread may use it."""

    def __init__(self, connection: sqlite3.Connection, holder: int | None = None) -> None:
        """Use a connection that ``sync_opening`` has prepared, and the lock that goes with it."""
        self._connection = connection
        self._holder = holder
        self._lock = threading.Lock()
        query = "SELECT text FROM meta WHERE name = 'id'"
        self.id: str = connection.execute(query).fetchone()[0]
        """Made with it."""

    @classmethod
    def open(cls, path: Path, now_ms: int) -> Self:
        """Open or create it; a damaged one is set aside.

        Raises:
            StoreBusyError: another process has it.
            StoreVersionError: it is newer than this program.
            StoreError: it cannot be opened.
        """
        with translated(f"open {path}"):
            return cls(*sync_opening.open_ledger(path, now_ms))

    def close(self) -> None:
        """Close it, once nobody is in the middle of anything."""
        with self._lock:
            self._connection.close()
            if self._holder is not None:
                os.close(self._holder)

    @contextmanager
    def _doing(self, what: str) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(what), transaction(self._connection):
            yield self._connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated("read the ledger"):
            yield self._connection

    # -- what is known --------------------------------------------------------------------------

    def state(self, key: Key) -> State:
        """How far a lane is."""
        with self._reading() as db:
            row = db.execute(_STATE, key).fetchone()
        return State() if row is None else State(**dict(zip(_COLUMNS, row, strict=True)))

    def kept(self, key: Key, gateway: str) -> Batch | None:
        """The batch that is not acknowledged."""
        query = (
            "SELECT epoch, after, first, last, position, payload FROM batch "
            "WHERE sink = ? AND lane = ?"
        )
        with self._reading() as db:
            row = db.execute(query, key).fetchone()
        if row is None:
            return None
        epoch, *numbers, payload = row
        return Batch(Header(Stream(gateway, epoch, key.lane), *numbers), payload)

    def mark(self, key: Key, seq: int, *, nearest: bool = False) -> str | None:
        """The position at which row ``seq`` ended a batch, or the one before it that did."""
        how = "<=" if nearest else "="
        query = (
            f"SELECT position FROM mark WHERE sink = ? AND lane = ? AND seq {how} ? "  # noqa: S608 - our own words
            "ORDER BY seq DESC LIMIT 1"
        )
        with self._reading() as db:
            row = db.execute(query, (*key, seq)).fetchone()
        return None if row is None else str(row[0])

    def spans(self, sink: str, base: str) -> list[Span]:
        """What ``live`` jumped over, in the order of the jumps."""
        query = "SELECT number, start, until FROM span WHERE sink = ? AND base = ? ORDER BY number"
        with self._reading() as db:
            return [Span(*row) for row in db.execute(query, (sink, base))]

    def spent(self, sink: str) -> tuple[int, int]:
        """The newest day of which bytes are counted, and how many."""
        query = "SELECT day, bytes FROM spent WHERE sink = ? ORDER BY day DESC LIMIT 1"
        with self._reading() as db:
            row = db.execute(query, (sink,)).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    # -- what is done ---------------------------------------------------------------------------

    def begin(self, key: Key, base: str, suffix: str, cursor: Cursor) -> None:
        """Begin a stream; what was kept of another one is dropped."""
        with self._doing("begin a stream") as db:
            entries.stand(db, key, cursor)
            db.execute(
                "UPDATE lane SET base = ?, suffix = ? WHERE sink = ? AND lane = ?",
                (base, suffix, *key),
            )
            db.execute("DELETE FROM mark WHERE sink = ? AND lane = ?", key)
            entries.mark(db, key, cursor)

    def asked(self, key: Key) -> None:
        """The receiver was asked, and agrees."""
        with self._doing("ask") as db:
            db.execute("UPDATE lane SET asked = 1 WHERE sink = ? AND lane = ?", key)

    def keep(self, key: Key, batch: Batch, again: Sequence[int] = ()) -> None:
        """Keep a batch before it is sent; ``again``: refused rows that are in it once more."""
        head = batch.header
        values = (head.stream.epoch, head.after, head.first, head.last, head.position)
        with self._doing("keep a batch") as db:
            db.execute(
                "INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *values, batch.payload),
            )
            db.executemany("DELETE FROM refused WHERE id = ?", [(id_,) for id_ in again])

    def drop(self, key: Key) -> None:
        """Forget the kept batch: its rows are cut again."""
        with self._doing("drop a batch") as db:
            entries.drop(db, key)

    def taken(self, key: Key, batch: Batch, aside: Sequence[Aside], at_ms: int) -> None:
        """The receiver has the batch, but for the rows that it refused."""
        cursor = batch.header.cursor
        with self._doing("note what was taken") as db:
            entries.stand(db, key, cursor)
            entries.mark(db, key, cursor)
            entries.refuse(db, key, batch.header.stream.epoch, aside, at_ms)
            entries.count(db, key, "sent", batch.rows - len(aside))
            db.execute(
                "DELETE FROM mark WHERE sink = ? AND lane = ? AND seq > 0 AND seq <= "
                "(SELECT seq FROM mark WHERE sink = ? AND lane = ? ORDER BY seq DESC "
                "LIMIT 1 OFFSET ?)",
                (*key, *key, MARKS),
            )

    def refuse(self, key: Key, batch: Batch, aside: Sequence[Aside], at_ms: int) -> None:
        """The receiver will never take the batch: go on behind it, with the same numbers."""
        cursor = Cursor(batch.header.after, batch.header.position)
        with self._doing("set a batch aside") as db:
            entries.stand(db, key, cursor)
            entries.mark(db, key, cursor)
            entries.refuse(db, key, batch.header.stream.epoch, aside, at_ms)

    def move(self, key: Key, cursor: Cursor, spans: Sequence[Span] = ()) -> None:
        """Go to where the receiver is; ``spans``: what is known by its word alone."""
        with self._doing("go to the receiver's cursor") as db:
            entries.stand(db, key, cursor)
            db.execute(
                "DELETE FROM mark WHERE sink = ? AND lane = ? AND seq > ?", (*key, cursor.seq)
            )
            entries.mark(db, key, cursor)
            db.executemany(
                "INSERT OR IGNORE INTO span SELECT ?, base, ?, ?, ? FROM lane "
                "WHERE sink = ? AND lane = ?",
                [(key.sink, *span, *key) for span in spans],
            )

    def advance(self, key: Key, position: str, skipped: int = 0) -> None:
        """There is nothing to send up to this position, or ``skipped`` rows never will be."""
        with self._doing("go on") as db:
            db.execute("UPDATE lane SET position = ? WHERE sink = ? AND lane = ?", (position, *key))
            entries.count(db, key, "skipped", skipped)

    def jump(self, sink: str, base: str, span: Span) -> None:
        """``live`` will go on behind a span, which is left to ``backfill``."""
        with self._doing("leave a span out") as db:
            db.execute("INSERT INTO span VALUES (?, ?, ?, ?, ?)", (sink, base, *span))
            db.execute(
                "DELETE FROM span WHERE sink = ? AND (base <> ? OR number <= ?)",
                (sink, base, span.number - SPANS),
            )

    def spend(self, sink: str, day: int, size: int) -> None:
        """So many bytes of a day are gone."""
        with self._doing("count bytes") as db:
            db.execute(
                "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (sink, day) "
                "DO UPDATE SET bytes = bytes + excluded.bytes",
                (sink, day, size),
            )
            db.execute("DELETE FROM spent WHERE sink = ? AND day < ?", (sink, day - DAYS))

    def again(self, key: Key, most: int) -> list[tuple[int, str]]:
        """Refused rows that somebody wants to be offered again: their ids, and the rows."""
        query = (
            "SELECT id, row FROM refused WHERE again AND sink = ? AND lane = ? ORDER BY id LIMIT ?"
        )
        with self._reading() as db:
            return list(db.execute(query, (*key, most)))
