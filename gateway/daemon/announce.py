"""Announce: what subscribers see, under ``edge/<gateway id>/``.

Events (decisions, commands, alerts) are rows of the outbox, stored with what they tell about and
published after the commit, in order, until the broker has them; the next commit forgets them. State
and health are only worth their newest value: they are published when they change and again after
each reconnect.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

import structlog

from gateway.core import topic_tree, topic_tree_sizes
from gateway.core.commands import Command
from gateway.core.policy import Alert
from gateway.core.ports import Outgoing
from gateway.core.topic_tree import Document
from gateway.core.verdicts import Decision, Mode
from gateway.core.watch import Watch
from gateway.daemon.clock import Clock
from gateway.daemon.ear import Ear
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link, ignore
from gateway.daemon.retained import Retained
from gateway.errors import NotConnectedError, StoreError
from gateway.store.batch import OutboxRow
from gateway.store.writer import Store

IN_FLIGHT: Final = 16
"""Outbox rows handed to the broker and not yet answered for."""
REFILL: Final = 500
RETRY_S: Final = 1.0
"""Between two tries to reach a store that refuses."""

log = structlog.get_logger()


class Announce:
    """Our own topics, on one broker."""

    def __init__(self, base: str, link: Link, clock: Clock) -> None:
        """``base`` is ``edge/<gateway id>``."""
        self._base = base
        self._link = link
        self._clock = clock
        self._journal: Journal | None = None
        self._queue: deque[OutboxRow] = deque()
        self._behind = False
        """There are unsent rows in the store beyond those in the queue."""
        self._flying: set[int] = set()
        self._sent: set[int] = set()
        """The broker has them, and the store still does."""
        self._wake = asyncio.Event()
        self._rested = asyncio.Event()
        self.ears: list[Ear] = []
        """Who else is told of decisions, commands and events."""
        self.shown_ms: dict[str, int] = {}
        """When each asset's state was published last, monotonic ms."""

    def attach(self, journal: Journal, retained: Retained) -> None:
        """Events go into this journal's batches; what is retained is remembered."""
        self._journal = journal
        self.retained = retained

    # -- events ---------------------------------------------------------------------------------

    def decision(self, made: Decision) -> None:
        """A decision, and the alert it changes; a shadow policy is recorded only."""
        if made.mode is Mode.SHADOW:
            return
        for ear in self.ears:
            ear.decision(made)
        now_ms = self._clock.now_ms()
        self._event(f"asset/{made.asset}/decision", topic_tree.decision(made, now_ms))
        if made.event in ("raised", "cleared"):
            document = topic_tree.alert(made, None, now_ms)
            self._event(f"asset/{made.asset}/alert", document, retain=True)

    def alert(self, asset: str, alert: Alert, acknowledged: Document | None) -> None:
        """Somebody has seen an alert that holds, or it wants to be seen again."""
        document = topic_tree.raised(asset, alert, acknowledged, self._clock.now_ms())
        self._event(f"asset/{asset}/alert", document, retain=True)

    def explanation(self, made: Decision, tree: Document) -> None:
        """Why a decision was made; of a shadow policy it is recorded only."""
        if made.mode is not Mode.SHADOW:
            document = topic_tree.explanation(tree, self._clock.now_ms())
            self._event(f"asset/{made.asset}/explanation", document, retain=True)

    def command(self, order: Command) -> None:
        """A command has a new state."""
        for ear in self.ears:
            ear.command(order)
        document = topic_tree.command(order, self._clock.now_ms())
        self._event(f"asset/{order.asset}/command", document)

    def maintenance(self, asset: str, causes: list[Document]) -> None:
        """What a person should look at; retained until it is over, and an event each time."""
        document = topic_tree.maintenance(asset, causes, self._clock.now_ms())
        self._event(f"asset/{asset}/maintenance", document, retain=True)
        self.event("drift_changed", asset=asset, causes=causes)

    def event(self, kind: str, /, **keys: object) -> None:
        """Something happened to the gateway itself: ``event``, not retained."""
        for ear in self.ears:
            ear.event(kind, keys)
        document = topic_tree.head(self._clock.now_ms()) | {"event": kind} | keys
        self._event("event", document)

    def _event(self, topic: str, document: Document, *, retain: bool = False) -> None:
        payload = topic_tree_sizes.payload(topic, document)
        self._keep(OutboxRow(f"{self._base}/{topic}", payload, retain=retain))

    def _keep(self, row: OutboxRow) -> None:
        assert self._journal is not None  # noqa: S101  # attached before the first message
        if row.retain and row.payload:
            self.retained.note(row.topic)
        self._journal.batch.outbox.append(row)
        self._journal.changed()

    def take_back(self, topic: str) -> None:
        """Nobody renews this retained topic any more: empty it, and forget it, in one commit."""
        self._keep(OutboxRow(topic, b"", retain=True))
        self.retained.forget(topic)
        log.info("topic_cleared", topic=topic)

    # -- state ----------------------------------------------------------------------------------

    def asset(self, watch: Watch) -> None:
        """The state of one asset."""
        document = topic_tree.asset_state(watch, self._clock.now_ms(), self._clock.mono_ms())
        self.shown_ms[watch.asset.id] = self._clock.mono_ms()
        self.now(f"asset/{watch.asset.id}/state", document)

    def availability(self, asset: str, *, fresh: bool) -> None:
        """Whether anything fresh is known of an asset."""
        for ear in self.ears:
            ear.fresh(asset, fresh=fresh)
        word = b"online" if fresh else b"offline"
        self.publish(f"{self._base}/asset/{asset}/availability", word)

    def health(self, document: Document) -> None:
        """The health document."""
        self.now("health", document)

    def now(self, topic: str, document: Document) -> None:
        """A document that is only worth its newest value; retained."""
        self.publish(f"{self._base}/{topic}", topic_tree_sizes.payload(topic, document))

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = True) -> bool:
        """Publish now or not at all; whether it was handed over."""
        if retain:
            self.retained.note(topic)
        try:
            self._link.publish(Outgoing(topic, payload, qos, retain=retain), done=ignore)
        except NotConnectedError:
            return False  # published again when connected
        return True

    # -- the outbox -----------------------------------------------------------------------------

    def committed(self, rows: Sequence[OutboxRow], forgotten: Sequence[int]) -> None:
        """Rows are durable: publish them, after those the store still holds."""
        self._sent.difference_update(forgotten)
        for row in rows:
            if self._behind or len(self._queue) >= REFILL:
                self._behind = True
                break
            self._queue.append(row)
        if rows or forgotten:
            self._wake.set()

    async def settled(self) -> None:
        """Wait until the broker has what it can be given now."""
        while self._queue or self._flying:
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
            self._queue.extend(rows)
            if rows:
                self._wake.set()

    @property
    def _resting(self) -> bool:
        """Nothing is on its way, and something could be sent.

        What waits to be forgotten would be read back, and published twice.
        """
        return not (self._queue or self._flying or self._sent) and self._link.connected

    def _publish(self) -> None:
        while self._queue and len(self._flying) < IN_FLIGHT:
            row = self._queue[0]
            if not row.payload and row.topic in self.retained:
                self._queue.popleft()  # taken back, and in use again since
                self._forget(row.id)
                continue
            outgoing = Outgoing(row.topic, row.payload, row.qos, row.retain)
            try:
                self._link.publish(outgoing, done=partial(self._delivered, row))
            except NotConnectedError:
                self._queue.clear()
                self._behind = True
                return
            self._queue.popleft()
            self._flying.add(row.id)

    def _forget(self, number: int) -> None:
        """With the next commit: one of its own would cost more than all the row did."""
        assert self._journal is not None  # noqa: S101  # attached before the first message
        self._sent.add(number)
        self._journal.batch.published.append(number)
        self._journal.changed()

    def _delivered(self, row: OutboxRow, delivered: bool, reason: str) -> None:  # noqa: FBT001
        """The broker has it, or nobody listens (which is not a failure of an announcement)."""
        self._flying.discard(row.id)
        if delivered or reason != "lost":
            if not delivered and reason != "no_matching_subscribers":
                log.warning("announcement_refused", topic=row.topic, reason=reason)
            self._forget(row.id)
        else:
            self._queue.clear()  # in order: those behind it are read from the store with it
            self._behind = True
        self._wake.set()
