"""The store in one SQLite file: WAL, synchronous=FULL, one connection that writes.

FULL, since what was answered as taken is deleted at the gateway sooner or later; NORMAL loses the
last commits at a power cut (docs/decisions/0002-store-schema.md).
"""

import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from gateway.core.batches import Cursor, Header, Refused, Stream
from gateway.errors import SinkGapError, StoreBusyError, StoreVersionError
from gateway.receiver.heads import Anchor, contradiction, head_of
from gateway.receiver.parcel import Good, Parcel
from gateway.receiver.ports import Alarm, Standing, Taken
from gateway.receiver.rows import value_of
from gateway.receiver.sqlite_schema import SCHEMA, VERSION
from gateway.store.connecting import connect_reader
from gateway.store.faults import transaction, translated
from gateway.store.files import take_lock

WAIT_S: Final = 5.0
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
MOST_REFUSED: Final = 5_000
"""Rows told in one answer; a batch has no more."""

_FIND: Final = "SELECT id, seq, position FROM stream WHERE gateway = ? AND epoch = ? AND lane = ?"
_INSERT: Final = "INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_MOVE: Final = (
    "UPDATE stream SET seq = ?, position = ?, rows = rows + ?, refused = refused + ?,"
    " bytes = bytes + ?, newest_at_ms = max(newest_at_ms, ?), taken_at_ms = ? WHERE id = ?"
)
_PACE: Final = (
    "INSERT INTO pace VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET rows = rows + excluded.rows, bytes = bytes + excluded.bytes"
)
_STANDINGS: Final = (
    "SELECT s.gateway, s.epoch, s.lane, s.seq, s.position, s.rows, s.refused,"
    " coalesce(p.rows, 0) / 60.0, s.newest_at_ms, s.taken_at_ms FROM stream s"
    " LEFT JOIN pace p ON p.stream = s.id AND p.minute = ?"
    " ORDER BY s.gateway, s.taken_at_ms, s.lane"
)
_ALARMS: Final = "SELECT gateway, chain, seq, at_ms, alarm FROM head WHERE alarm <> '' ORDER BY id"


class Store:
    """A ``gateway.receiver.ports.Store``."""

    def __init__(self, connection: sqlite3.Connection, lock: int | None = None) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._holder = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open it for writing, or make it.

        Raises:
            StoreBusyError: another receiver has it.
            StoreError: it cannot be used.
        """
        with translated(f"open {path}"):
            try:
                holder = take_lock(path)
            except StoreBusyError:
                raise StoreBusyError(f"{path} belongs to another running receiver") from None
            connection = sqlite3.connect(
                path, timeout=WAIT_S, isolation_level=None, check_same_thread=False
            )
            store = cls(connection, holder)
            try:
                _prepare(connection, path)
            except BaseException:
                store.close()
                raise
        return store

    @classmethod
    def look(cls, path: Path) -> Self:
        """Open it for reading alone, beside a receiver that runs.

        Raises:
            StoreError: it cannot be read.
        """
        with translated(f"open {path}"):
            return cls(connect_reader(path))

    def take(self, parcel: Parcel, at_ms: int) -> Taken:
        """Store rows and cursor, as ``ports.Store`` says."""
        header = parcel.header
        with translated("store a batch"), self._lock, transaction(self._connection):
            id_, at = self._find(header.stream)
            if at.seq >= header.last:
                return Taken(at, self._refused(id_, header))
            if at.seq != header.after:
                raise SinkGapError(*at)
            return self._store(id_ or self._begin(header.stream, at_ms), parcel, at_ms)

    def cursor(self, stream: Stream) -> Cursor:
        """How far a stream is."""
        with translated("read a cursor"), self._lock:
            return self._find(stream)[1]

    def standings(self, now_ms: int) -> list[Standing]:
        """Every stream, by gateway."""
        with translated("read the streams"), self._lock:
            minute = now_ms // MINUTE_MS - 1
            return [Standing(*one) for one in self._connection.execute(_STANDINGS, (minute,))]

    def alarms(self) -> list[Alarm]:
        """Every alarm, oldest first."""
        with translated("read the alarms"), self._lock:
            return [Alarm(*one) for one in self._connection.execute(_ALARMS)]

    def close(self) -> None:
        """Merge the WAL and close."""
        with self._lock:
            self._connection.close()
            if self._holder is not None:
                os.close(self._holder)
                self._holder = None

    def _find(self, stream: Stream) -> tuple[int, Cursor]:
        found = self._connection.execute(_FIND, stream).fetchone()
        return (found[0], Cursor(found[1], found[2])) if found else (0, Cursor())

    def _begin(self, stream: Stream, at_ms: int) -> int:
        begin = "INSERT INTO stream (gateway, epoch, lane, first_at_ms) VALUES (?, ?, ?, ?)"
        return self._connection.execute(begin, (*stream, at_ms)).lastrowid or 0

    def _refused(self, id_: int, header: Header) -> tuple[Refused, ...]:
        query = "SELECT seq, reason FROM refused WHERE stream = ? AND seq BETWEEN ? AND ? LIMIT ?"
        span = (id_, header.first, header.last, MOST_REFUSED)
        return tuple(Refused(*one) for one in self._connection.execute(query, span))

    def _store(self, id_: int, parcel: Parcel, at_ms: int) -> Taken:
        execute, header, aside = self._connection.execute, parcel.header, parcel.aside
        self._connection.executemany(_INSERT, _stored(id_, parcel.good))
        self._connection.executemany(
            "INSERT INTO refused VALUES (?, ?, ?, ?, ?)",
            ((id_, one.seq, one.reason, at_ms, one.line) for one in aside),
        )
        newest = max((one.row["at_ms"] for one in parcel.good), default=0)
        counts = (len(parcel.good), len(aside), parcel.size)
        execute(_MOVE, (*header.cursor, *counts, newest, at_ms, id_))
        minute = at_ms // MINUTE_MS
        execute(_PACE, (id_, minute, len(parcel.good), parcel.size))
        execute("DELETE FROM pace WHERE minute < ?", (minute - DAY_MS // MINUTE_MS,))
        checkpoints = [one for one in parcel.good if one.row["kind"] == "checkpoint"]
        alarms = [self._anchor(header.stream.gateway, one, at_ms) for one in checkpoints]
        refused = tuple(Refused(one.seq, one.reason) for one in aside)
        return Taken(header.cursor, refused, len(parcel.good), tuple(filter(None, alarms)))

    def _anchor(self, gateway: str, good: Good, at_ms: int) -> str:
        """Keep an audit head; the alarm, if it contradicts those before."""
        head = head_of(good.row)
        told, chain = head.anchor, (gateway, head.chain)
        query = "SELECT seq, hash, public_key FROM head WHERE gateway = ? AND chain = ?"
        same = self._anchored(f"{query} AND seq = ? ORDER BY id LIMIT 1", (*chain, told.seq))
        newest = self._anchored(f"{query} ORDER BY seq DESC, id LIMIT 1", chain)
        alarm = head.alarm or contradiction(told, newest, same)
        self._connection.execute(
            "INSERT INTO head (gateway, chain, seq, hash, public_key, at_ms, document, alarm)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*chain, *told, at_ms, head.document, alarm),
        )
        return alarm

    def _anchored(self, query: str, values: tuple[object, ...]) -> Anchor | None:
        found = self._connection.execute(query, values).fetchone()
        return Anchor(*found) if found else None


def _stored(id_: int, good: Iterable[Good]) -> Iterable[tuple[object, ...]]:
    for row, line in good:
        get = row.get
        asset, metric = get("asset") or "", get("metric") or ""
        at_ms, value = row["at_ms"], value_of(row)
        yield id_, row["seq"], row["kind"], asset, metric, at_ms, value, line


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "wal_autocheckpoint = 4000",
        "cache_size = -32768",
        "temp_store = MEMORY",
        "mmap_size = 0",  # a stray write or a torn page must not reach the file through memory
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreVersionError(f"{path} was written by a newer receiver")
    if version == 0:
        with transaction(connection):
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
