"""The journal: everything that must be durable goes through here, in whole batches.

One batch is open while the one before it is being committed, so batches grow with the load. A batch
is committed when it is ``limits.batch`` old (50 ms), holds ``limits.batch_messages`` (256), or when
somebody waits for it. A message is acknowledged only after the commit that holds its readings.

When the store refuses (full, read-only, damaged, locked), the batch is kept and tried again with
back-off: unacknowledged QoS 1 messages are bounded by the MQTT client, which stops reading; of QoS
0 reports the oldest are dropped beyond ``limits.held_readings`` and counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Final

import structlog

from gateway.adapters.mqtt import Client
from gateway.config.settings import Limits
from gateway.core.audit import Head
from gateway.core.signal_mapping import NO_SIGNALS
from gateway.core.verdicts import Verdict
from gateway.daemon.clock import Clock
from gateway.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from gateway.store.batch import Batch, OutboxRow, RejectRow, StoredReport
from gateway.store.records import PAYLOAD_BYTES
from gateway.store.writer import Store

HELD_ROWS: Final = 1_000
"""Rejects, and verdicts, held while the store refuses; further ones are only counted."""
HELD_BLOCKS: Final = 256
"""Blocks of samples of QoS 0 held while the store refuses, 64 KiB each at the most usual; of older
ones the reading stays and the samples are dropped, counted."""
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_REASONS: Final[Mapping[type[StoreError], str]] = {
    StoreFullError: "full",
    StoreReadOnlyError: "read_only",
    StoreCorruptError: "corrupt",
    StoreBusyError: "busy",
}

log = structlog.get_logger()


class Journal:
    """Group commit, and the acknowledgements that wait for it."""

    def __init__(
        self,
        store: Store,
        pool: Executor,
        clock: Clock,
        on_commit: Callable[[list[OutboxRow], list[int]], None],
        limits: Limits,
    ) -> None:
        """``pool`` has one thread, the only one that touches ``store``.

        ``on_commit`` is told the rows of the outbox that are durable, and the ids of those that
        are forgotten.
        """
        self._store = store
        self._pool = pool
        self._clock = clock
        self.on_head: Callable[[Head, str], None] = lambda _head, _epoch: None
        """Told the end of the audit chain, and its epoch, after each commit."""
        self._on_commit = on_commit
        self._limits = limits
        self.batch = Batch()
        self.volatile: deque[StoredReport] = deque()
        self._receipts: dict[Client, list[int]] = {}
        self._messages = 0
        self._changed = asyncio.Event()
        self._hurry = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._ticket: asyncio.Event | None = None
        """Somebody waits for the open batch."""
        self.trouble = ""
        """Why the store refuses; empty while it does not."""
        self.commits = 0
        self._committing = False

    def message(self, client: Client, receipt: int) -> None:
        """A message has been read to its end; it is acknowledged with the open batch."""
        self._messages += 1
        if receipt:
            self._receipts.setdefault(client, []).append(receipt)
        if self._messages >= self._limits.batch_messages:
            self._room.clear()
            self._hurry.set()
        self._changed.set()

    def dropped(self, client: Client, receipt: int) -> None:
        """A message was refused unread: acknowledged with the open batch, which it does not fill.

        So a flood that is refused takes no room from what is not.
        """
        if receipt:
            self._receipts.setdefault(client, []).append(receipt)
        self._changed.set()

    def report(self, stored: StoredReport, *, volatile: bool) -> None:
        """Store a report; a volatile one (QoS 0) may be dropped while the store refuses."""
        if not volatile:
            self.batch.reports.append(stored)
            return
        self.volatile.append(stored)
        if self.trouble and stored.report.signals:
            self._shed_blocks()
        if len(self.volatile) > self._limits.held_readings:
            self.volatile.popleft()
            self.batch.counts["ingest", "store_unavailable"] += 1

    def _shed_blocks(self) -> None:
        held = [at for at, one in enumerate(self.volatile) if one.report.signals]
        for at in held[:-HELD_BLOCKS]:
            stored = self.volatile[at]
            self.volatile[at] = stored._replace(report=stored.report._replace(signals=NO_SIGNALS))
            self.batch.counts["signals", "store_unavailable"] += 1

    @property
    def waiting(self) -> bool:
        """There is something to commit."""
        return self._changed.is_set() or self._committing

    def changed(self) -> None:
        """Something was put into the batch without a message."""
        self._changed.set()

    def reject(self, row: RejectRow) -> None:
        """Keep a message that could not be read, cut to what the store keeps of it."""
        if self._held(len(self.batch.rejects)):
            self.batch.rejects.append(row._replace(payload=row.payload[:PAYLOAD_BYTES]))
            self._changed.set()

    def verdict(self, verdict: Verdict) -> None:
        """Store a verdict."""
        if self._held(len(self.batch.verdicts)):
            self.batch.verdicts.append(verdict)
            self._changed.set()

    def _held(self, count: int) -> bool:
        """There is room for one more row; while the store refuses there is not always."""
        if not self.trouble or count < HELD_ROWS:
            return True
        self.batch.counts["journal", "store_unavailable"] += 1
        return False

    async def room(self) -> None:
        """Wait while the open batch is full and the one before it is not committed."""
        if not self.trouble:
            await self._room.wait()

    async def committed(self) -> None:
        """Commit what was put in so far, at once, and wait for it."""
        ticket = self._ticket = self._ticket or asyncio.Event()
        self._hurry.set()
        self._changed.set()
        await ticket.wait()

    async def run(self) -> None:
        """Commit batches for ever."""
        while True:
            await self._changed.wait()
            if not self._hurry.is_set():
                try:
                    async with asyncio.timeout(self._limits.batch_ms / 1000):
                        await self._hurry.wait()
                except TimeoutError:
                    pass
            await self._commit()
            await self._merge()

    async def _commit(self) -> None:
        self._committing = True
        batch, receipts, ticket = self._turn_over()
        batch.clock_ok, batch.at_ms = self._clock.ok(), self._clock.now_ms()
        ids = await self._insist(batch) if batch else ()
        if ticket is not None:
            ticket.set()
            await asyncio.sleep(0)  # a command is published before what announces it
        if batch:
            rows = [row._replace(id=id_) for row, id_ in zip(batch.outbox, ids, strict=True)]
            self._on_commit(rows, batch.published)
        for client, numbers in receipts.items():
            client.acknowledge(numbers)
        self.commits += 1
        self._committing = False

    async def _merge(self) -> None:
        """Between commits: whoever waits for the next one seldom waits for this, too."""
        if self._store.merging.due:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, self._store.merging.run)

    def _turn_over(self) -> tuple[Batch, dict[Client, list[int]], asyncio.Event | None]:
        """Close the open batch and open the next."""
        batch, receipts, ticket = self.batch, self._receipts, self._ticket
        batch.reports.extend(self.volatile)
        self.volatile.clear()
        self.batch, self._receipts, self._messages = Batch(), {}, 0
        self._ticket = None
        self._changed.clear()
        self._hurry.clear()
        self._room.set()
        return batch, receipts, ticket

    async def _insist(self, batch: Batch) -> tuple[int, ...]:
        """Commit, however long the store refuses."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            try:
                committed = await loop.run_in_executor(self._pool, self._store.commit, batch)
            except StoreError as error:
                self._refused(error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
                await loop.run_in_executor(self._pool, self._recover)
            else:
                if self.trouble:
                    log.warning("store_recovered", reason=self.trouble)
                    self.trouble = ""
                self.on_head(committed.head, committed.epoch)
                return committed.outbox_ids

    def _recover(self) -> None:
        try:
            opened = self._store.recover()
        except StoreError as error:
            log.debug("store_recovery_failed", error=str(error))
            return
        if opened.set_aside is not None:
            log.error("store_set_aside", path=str(opened.set_aside), salvaged=opened.salvaged)

    def _refused(self, error: StoreError) -> None:
        reason = _REASONS.get(type(error), "refused")
        if reason != self.trouble:
            log.error("store_refused", reason=reason, error=str(error))
            self.trouble = reason
        self._room.set()
