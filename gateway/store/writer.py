"""The one object that writes to the database; blocking, used by one thread at a time."""

import os
from collections.abc import Mapping
from typing import Self

from gateway.core.audit import Kind, Record
from gateway.store import blocks, bulk, chain, queries
from gateway.store.arriving import Arriving
from gateway.store.batch import (
    Batch,
    Committed,
    Maintained,
    Opened,
    StoreHealth,
)
from gateway.store.erasing import Erased, erase
from gateway.store.faults import Guard, transaction, translated
from gateway.store.files import OPENING_BYTES, Ballast, free_bytes, take_lock
from gateway.store.inserting import insert_records, newest_mono_ms, upsert
from gateway.store.lookups import Lookups
from gateway.store.merging import Merging
from gateway.store.opening import Database, close_cleanly, open_database
from gateway.store.packing import Packer
from gateway.store.readback import Unpacker
from gateway.store.records import Stamp
from gateway.store.settings import StoreSettings
from gateway.store.upkeep import Upkeep


class Store(Lookups):
    """The database. A commit that returned survives a power cut (with ``durability: full``).

    Every method may raise a ``StoreError``; the subclass says what to do. After it nothing of what
    was begun is stored: ``recover``, then commit the batch again.
    """

    opened: Opened
    """What happened when it was opened, or opened again by ``recover``."""

    def __init__(
        self, settings: StoreSettings, lock: int, database: Database, now_ms: int, mono_ms: int
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._now_ms = now_ms
        self._mono_ms = mono_ms
        self._ballast = Ballast(settings.path, settings.ballast_bytes)
        self._ballast.restore(settings.min_free_bytes)
        self._failed: Batch | None = None
        self._stored: Batch | None = None
        self._metric_keep_ms: Mapping[str, int] = {}
        self._next_outbox = 1
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
                if free_bytes(settings.path) < OPENING_BYTES:
                    Ballast(settings.path, settings.ballast_bytes).release()
                database = open_database(settings, boot, now_ms, mono_ms)
            except BaseException:
                os.close(lock)
                raise
        return cls(settings, lock, database, now_ms, mono_ms)

    def _adopt(self, database: Database) -> None:
        self._connection = database.connection
        self._boot = database.boot
        self._packer = Packer(database.connection)
        self._arriving = Arriving(database.connection)
        self.merging = Merging(database.connection, self._settings.path)
        self._unpacker = Unpacker(database.connection)
        parts = self._connection, self._boot, self._unpacker, self._ballast
        self._upkeep = Upkeep(self._settings, *parts)
        self._upkeep.metrics.keep_ms = self._metric_keep_ms
        self._next = queries.last_report(database.connection) + 1
        # never one again that somebody may still be about to forget
        self._next_outbox = max(self._next_outbox, queries.last_outbox(database.connection) + 1)
        self._head = chain.end(database.connection)
        self._guard, self.opened = Guard(), database.opened

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction.

        Raises:
            StoreError: nothing was stored; the subclass says what to do.
        """
        if batch is self._stored:
            ids = queries.newest_outbox(self._connection, len(batch.outbox))
            return self._committed(batch, ids)
        mono_ms = max(self._mono_ms, newest_mono_ms(batch))
        stamp = Stamp(self._boot.id, mono_ms, int(batch.clock_ok))
        batch.at_ms = batch.at_ms or self._now_ms
        outbox = range(self._next_outbox, self._next_outbox + len(batch.outbox))
        try:
            with self._guard("commit"), transaction(self._connection):
                self._head = chain.end(self._connection)  # recover compares with it
                self._insert_reports(batch)
                insert_records(self._connection, batch, stamp, outbox)
                upsert(self._connection, batch)
                head = chain.end(self._connection) if batch.audited else self._head
        except BaseException:
            self._packer.forget()  # it may know ids that were rolled back
            self._failed = batch
            raise
        self._mono_ms, self._head = mono_ms, head
        self._next += len(batch.reports)
        self._next_outbox = outbox.stop
        return self._committed(batch, tuple(outbox))

    def _insert_reports(self, batch: Batch) -> None:
        if batch.reports:
            pack, boot = self._packer.pack, self._boot.id
            rows = [pack(one, id_, boot) for id_, one in enumerate(batch.reports, self._next)]
            self._arriving.insert(rows)
            samples = blocks.rows(batch.reports, self._next, boot)
            bulk.insert(self._connection, blocks.INSERT, list(samples))

    def _committed(self, batch: Batch, outbox: tuple[int, ...]) -> Committed:
        self._failed = self._stored = None
        self._guard.state = "ok"
        self.merging.committed()
        reports = len(batch.reports), self._next - 1 if batch.reports else 0
        return Committed(*reports, outbox, self._head, self.opened.epoch)

    def maintain(self, now_ms: int, clock_ok: bool, mono_ms: int | None = None) -> Maintained:  # noqa: FBT001 - the plan of the daemon
        """Do a bounded part of what is due; call it every few seconds, at once while ``more``.

        Args:
            now_ms: wall clock, for the name of a damaged file only: age is running time.
            clock_ok: the clock is synchronised; without it nothing is dropped by age.
            mono_ms: monotonic clock; without it, that of the newest report.
        """
        self._now_ms = now_ms
        self._mono_ms = max(self._mono_ms, mono_ms or 0)
        self._upkeep.now_ms = now_ms
        with self._guard("maintain"):
            return self._upkeep.maintain(self._mono_ms, clock_ok=clock_ok)

    def repair_clock(self, boot: str, offset_ms: int) -> int:
        """Move the times of what was stored in a boot before its clock was right; once per boot.

        Args:
            boot: the boot id.
            offset_ms: true time minus what the clock said.

        Returns: how many rows were repaired now; ``maintain`` repairs the rest, if many.
        """
        with self._guard("repair clock"):
            return self._upkeep.repair_clock(boot, offset_ms, self._mono_ms)

    def keep_metrics(self, keep_ms: Mapping[str, int]) -> None:
        """Keep metrics, by their keys, no longer than so; ``maintain`` sees to it."""
        self._upkeep.metrics.keep_ms = self._metric_keep_ms = keep_ms

    def forget(self, source: str, device: str) -> Erased:
        """Erase a device, bytes and all; takes as long as writing the file anew does."""
        with self._guard("forget"):
            try:
                return erase(self._connection, self._settings.path, source, device)
            finally:
                self._packer.forget()
                self._unpacker.forget()
                self._arriving = Arriving(self._connection)  # it was in memory, which was left

    def forget_recorded(self, source: str, device: str) -> Erased:
        """``forget`` without a daemon that records it: the chain says that it was, not whom."""
        done = self.forget(source, device)
        told = {"event": "security_device_forgotten", "source": source, "rows": sum(done[:6])}
        self.commit(Batch(records=[Record(Kind.SECURITY, source, told)]))
        return done

    def health(self) -> StoreHealth:
        """How the store is; its counts are about right, and quick."""
        with self._guard("health"):
            return self._upkeep.health(self._guard.state)

    def recover(self) -> Opened:
        """After a ``StoreError``: make the store work again; then commit the same ``Batch`` again.

        The same object: if it turns out that it was stored after all, it is not stored twice.

        Full: the reserve is given up and the oldest rows are dropped. Read-only: the file is opened
        again. Corrupt: it is set aside and a new one started.

        Raises:
            StoreError: it does not work yet; try again later.
        """
        if self._guard.state == "full":
            self._ballast.release()
            with self._guard("recover"):
                self._upkeep.make_room(self._mono_ms)
        else:
            self._reopen()
        self._guard.state = "ok"
        return self.opened

    def _reopen(self) -> None:
        damage = self._guard.damage if self._guard.state == "corrupt" else ""
        self._guard.lost = True
        arguments = (self._settings, self._boot.name, self._now_ms, self._mono_ms)
        with translated("open again"):
            self._connection.close()
            row, seq = self._next, self._head.seq
            self._adopt(open_database(*arguments, damage=damage))
        # A commit whose sync failed is in the WAL whole, and opening it again brought it back.
        back = self._next > row or (self._head.seq > seq and not self.opened.set_aside)
        self._stored = self._failed if back else None

    def close(self) -> None:
        """Close cleanly: the WAL is merged, and the next start need not look for damage."""
        try:
            if not self._guard.lost:
                with self._guard("close"):
                    close_cleanly(self._connection, self._boot, self._mono_ms)
        finally:
            self._connection.close()
            os.close(self._lock)
