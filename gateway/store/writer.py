"""The one object that writes to the database; blocking, used by one thread at a time."""

import os
from collections.abc import Collection, Iterator
from typing import Self

from gateway.core.commands import Command
from gateway.store import boots, queries, records
from gateway.store.batch import (
    Batch,
    Committed,
    Opened,
    OutboxRow,
    StoredReading,
)
from gateway.store.faults import transaction, translated
from gateway.store.files import Ballast, take_lock
from gateway.store.opening import Database, open_database
from gateway.store.packing import INSERT, Packer, plain
from gateway.store.readback import Unpacker
from gateway.store.settings import StoreSettings


class Store:
    """The database. A commit that returned survives a power cut (with ``durability: full``).

    After a ``StoreError`` nothing of the batch is stored: ``recover``, then commit it again.
    """

    opened: Opened
    """What happened when it was opened, or opened again by ``recover``."""

    def __init__(
        self, settings: StoreSettings, lock: int, database: Database, mono_ms: int
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._mono_ms = mono_ms
        self._ballast = Ballast(settings.path, settings.ballast_bytes)
        self._ballast.restore(settings.min_free_bytes)
        self._adopt(database)

    @classmethod
    def open(cls, settings: StoreSettings, *, boot: str, now_ms: int, mono_ms: int) -> Self:
        """Open or create the database and take its lock.

        Args:
            settings: where it is and what it may take.
            boot: the boot id; monotonic times are comparable within one.
            now_ms: wall clock, UTC epoch ms.
            mono_ms: monotonic clock, ms.

        Raises:
            StoreBusyError: another process has it.
            StoreVersionError: it is newer than this program.
            StoreReadOnlyError: it cannot be written.
            StoreFullError: the disk is full.
        """
        with translated(f"open {settings.path}"):
            settings.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = take_lock(settings.path)
            try:
                database = open_database(settings, boot, now_ms, mono_ms)
            except BaseException:
                os.close(lock)
                raise
        return cls(settings, lock, database, mono_ms)

    def _adopt(self, database: Database) -> None:
        self._connection = database.connection
        self._boot = database.boot
        self._packer = Packer(database.connection)
        self._unpacker = Unpacker(database.connection)
        self._next = queries.last_report(database.connection) + 1
        self.opened = Opened(
            database.created,
            database.migrated,
            None,
            str(database.set_aside) if database.set_aside else None,
            tuple(database.notes),
        )

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction.

        Raises:
            StoreError: nothing was stored; the subclass says what to do.
        """
        mono_ms = max(
            self._mono_ms, *(one.report.received_mono_ms for one in batch.reports[-1:]), 0
        )
        stamp = records.Stamp(self._boot.id, mono_ms, int(batch.clock_ok))
        try:
            with translated("commit"), transaction(self._connection):
                self._insert_reports(batch)
                outbox = self._insert_records(batch, stamp)
                self._upsert(batch)
        except BaseException:
            self._packer.forget()
            raise
        self._mono_ms = mono_ms
        self._next += len(batch.reports)
        return Committed(len(batch.reports), self._next - 1 if batch.reports else 0, outbox)

    def _insert_reports(self, batch: Batch) -> None:
        if not batch.reports:
            return
        pack, boot = self._packer.pack, self._boot.id
        rows = [pack(one, id_, boot) for id_, one in enumerate(batch.reports, self._next)]
        self._connection.executemany(INSERT, rows)

    def _insert_records(self, batch: Batch, stamp: records.Stamp) -> tuple[int, ...]:
        many, one = self._connection.executemany, self._connection.execute
        many(records.VERDICT, [records.verdict_row(row, stamp) for row in batch.verdicts])
        many(records.DECISION, [records.decision_row(row, stamp) for row in batch.decisions])
        many(records.COMMAND, [records.command_row(row, stamp) for row in batch.commands])
        many(records.REJECT, [records.reject_row(row, stamp) for row in batch.rejects])
        rows = map(records.outbox_row, batch.outbox)
        return tuple(int(one(records.OUTBOX, row).lastrowid or 0) for row in rows)

    def _upsert(self, batch: Batch) -> None:
        queries.count(self._connection, batch.counts)
        kept = [(plain(room), plain(key), text) for (room, key), text in batch.kept.items()]
        self._connection.executemany(
            "DELETE FROM kept WHERE room = ? AND key = ?",
            [(room, key) for room, key, text in kept if text is None],
        )
        self._connection.executemany(
            "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
            [(room, key, plain(text)) for room, key, text in kept if text is not None],
        )
        self._connection.executemany(
            "INSERT INTO cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET report = excluded.report",
            list(batch.cursors.items()),
        )

    def sent(self, ids: Collection[int]) -> None:
        """Forget messages of the outbox that were published.

        Raises:
            StoreError: nothing was forgotten.
        """
        with translated("sent"), transaction(self._connection):
            rows = [(one,) for one in ids]
            self._connection.executemany("DELETE FROM outbox WHERE id = ?", rows)

    def recent_keys(self, limit: int) -> list[int]:
        """Dedup keys of the newest reports, newest first."""
        with translated("recent keys"):
            return queries.recent_keys(self._connection, limit)

    def tail(self, since_ms: int, assets: Collection[str] | None = None) -> Iterator[StoredReading]:
        """Readings since a time, of some assets or all, oldest first; read it to its end."""
        with translated("tail"):
            yield from self._unpacker.tail(since_ms, assets)

    def latest(self) -> list[StoredReading]:
        """The newest reading of each series."""
        with translated("latest"):
            return self._unpacker.latest()

    def open_commands(self) -> list[Command]:
        """Commands that have not ended, oldest first."""
        with translated("open commands"):
            return queries.open_commands(self._connection)

    def kept(self, room: str) -> dict[str, str]:
        """What a room keeps: key -> text."""
        with translated("kept"):
            rows = self._connection.execute("SELECT key, text FROM kept WHERE room = ?", (room,))
            return dict(rows.fetchall())

    def counters(self) -> dict[tuple[str, str], int]:
        """The durable counters: (scope, reason) -> how many."""
        with translated("counters"):
            return queries.counters(self._connection)

    def cursors(self) -> dict[str, int]:
        """Sink name -> the last report row it has taken."""
        with translated("cursors"):
            return dict(self._connection.execute("SELECT sink, report FROM cursor").fetchall())

    def outbox(self, limit: int) -> list[OutboxRow]:
        """The oldest messages not yet published."""
        with translated("outbox"):
            return queries.outbox(self._connection, limit)

    def close(self) -> None:
        """Close cleanly: the WAL is merged, and the next start need not look for damage."""
        try:
            with translated("close"):
                with transaction(self._connection):
                    boots.seen(self._connection, self._boot, self._mono_ms)
                    self._connection.execute("UPDATE meta SET text = '1' WHERE name = 'clean'")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._connection.close()
            os.close(self._lock)
