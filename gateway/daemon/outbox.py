"""Outbox: rows that are durable are published, in order, until the broker has them.

What was published is forgotten with the next commit, which it does not bring about by itself: it
would cut the one with the readings in two, and every commit writes what it changes, and a block.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

import structlog

from gateway.core.ports import Outgoing
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.retained import Retained
from gateway.errors import NotConnectedError, StoreError
from gateway.store.batch import OutboxRow
from gateway.store.writer import Store

IN_FLIGHT: Final = 16
"""Rows handed to the broker and not yet answered for."""
REFILL: Final = 500
FORGET_S: Final = 1.0
"""When nothing else is committed."""
RETRY_S: Final = 1.0
"""Between two tries to reach a store that refuses."""

log = structlog.get_logger()


class Outbox:
    """The rows on their way to one broker."""

    def __init__(self, link: Link) -> None:
        """Nothing is to be published."""
        self._link = link
        self._journal: Journal | None = None
        self.queue: deque[OutboxRow] = deque()
        self._behind = False
        """There are unsent rows in the store beyond those in the queue."""
        self._flying: set[int] = set()
        self._sent: set[int] = set()
        """The broker has them, and the store still does."""
        self._wake = asyncio.Event()
        self._rested = asyncio.Event()

    def attach(self, journal: Journal, retained: Retained) -> None:
        """Say where rows are forgotten, and which topics are in use."""
        self._journal, self._retained = journal, retained

    def committed(self, rows: Sequence[OutboxRow], forgotten: Sequence[int]) -> None:
        """Rows are durable: publish them, after those the store still holds."""
        self._sent.difference_update(forgotten)
        for row in rows:
            if self._behind or len(self.queue) >= REFILL:
                self._behind = True
                break
            self.queue.append(row)
        if rows or forgotten:
            self._wake.set()

    async def settled(self) -> None:
        """Wait until the broker has what it can be given now."""
        while self.queue or self._flying:
            self._rested.clear()
            await self._rested.wait()

    def on_connected(self) -> None:
        """Start with what the store still holds."""
        self._behind = True
        self._wake.set()

    async def run(self, store: Store, pool: Executor) -> None:
        """Publish the outbox for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._publish()
            self._rested.set()
            if not self._behind or not self._resting:
                continue
            try:
                rows = await loop.run_in_executor(pool, store.outbox, REFILL)
            except StoreError as error:
                log.debug("outbox_waited", error=str(error))  # the journal says so, too
                loop.call_later(RETRY_S, self._wake.set)
                continue
            self._behind = len(rows) >= REFILL
            self.queue.extend(rows)
            if rows:
                self._wake.set()

    @property
    def _resting(self) -> bool:
        """Nothing is on its way, and something could be sent.

        What waits to be forgotten would be read back, and published twice.
        """
        return not (self.queue or self._flying or self._sent) and self._link.connected

    def _publish(self) -> None:
        while self.queue and len(self._flying) < IN_FLIGHT:
            row = self.queue[0]
            if not row.payload and row.topic in self._retained:
                self.queue.popleft()  # taken back, and in use again since
                self._forget(row.id)
                continue
            outgoing = Outgoing(row.topic, row.payload, row.qos, row.retain)
            try:
                self._link.publish(outgoing, done=partial(self._delivered, row))
            except NotConnectedError:
                self.queue.clear()
                self._behind = True
                return
            self.queue.popleft()
            self._flying.add(row.id)

    def _forget(self, number: int) -> None:
        """With the next commit: one of its own would cost more than all the row did."""
        assert self._journal is not None  # noqa: S101  # attached before the first row
        self._sent.add(number)
        self._journal.batch.published.append(number)
        if len(self._journal.batch.published) == 1:
            asyncio.get_running_loop().call_later(FORGET_S, self._journal.changed)

    def _delivered(self, row: OutboxRow, delivered: bool, reason: str) -> None:  # noqa: FBT001
        """The broker has it, or nobody listens (which is not a failure of an announcement)."""
        self._flying.discard(row.id)
        if delivered or reason != "lost":
            if not delivered and reason != "no_matching_subscribers":
                log.warning("announcement_refused", topic=row.topic, reason=reason)
            self._forget(row.id)
        else:
            self.queue.clear()  # in order: those behind it are read from the store with it
            self._behind = True
        self._wake.set()
