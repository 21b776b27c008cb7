"""The daemon: start in order, run until told to stop, stop in the opposite order.

A task that fails takes the daemon with it, and so does a network thread that dies: systemd starts
it anew, and the broker delivers again what was not acknowledged.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

import structlog

from gateway import __version__
from gateway.adapters import systemd
from gateway.config.settings import Settings
from gateway.daemon.clock import Clock, HeldClock
from gateway.daemon.enlisting import leave, watch
from gateway.daemon.flight import Flight
from gateway.daemon.foreman import Foreman
from gateway.daemon.observing import Observing
from gateway.daemon.opening import open_store, open_worker
from gateway.daemon.wiring import Wiring
from gateway.errors import StoreError

WORKER_START_S: Final = 10.0
"""READY does not wait longer than this for the models; the ladder's other rungs work meanwhile."""
DRAIN_S: Final = 2.0

log = structlog.get_logger()
T = TypeVar("T")


class Daemon:
    """One configuration, running."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is opened before ``run``."""
        self.settings = settings
        self.clock = HeldClock(clock)
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self.flight: Flight | None = None
        """Set before ``run``; None: nothing is recorded."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def run(self) -> None:
        """Run until ``stop`` is set.

        Raises:
            GatewayError: it cannot go on; the message says what to do.
        """
        foreman = open_worker(self.settings)
        try:
            self._store = await self._in_store(lambda: open_store(self.settings, self.clock))
            await self._run(foreman)
        finally:
            await foreman.close()

    async def _run(self, foreman: Foreman) -> None:
        """Run on an open store, and close it."""
        try:
            self.parts = Wiring(self.settings, self.clock, self._store, self._pool)
            await self.parts.make(foreman)
            self.observing = Observing(self.settings, self.parts, self.flight, self.clock)
            await self._serve()
        finally:
            try:
                await self._in_store(self._store.close)
            except StoreError as error:  # a full disk: the next start looks for damage, no more
                log.warning("store_close_failed", error=str(error))
            self._pool.shutdown(wait=True)

    async def _serve(self) -> None:
        """Run all tasks until the first one fails or ``stop`` is set."""
        parts = self.parts
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in self._works()]
            await self._worker_tried()
            # Not before the models are there: a rule's "normal" would clear what a model raised.
            tasks.append(group.create_task(self._timer(), name="timer"))
            tasks.append(group.create_task(parts.ingest.run(parts.links.wake), name="ingest"))
            for name, link in parts.links.by_name.items():
                link.subscribe(parts.site.subscriptions(name))
                link.client.start()
            await parts.absence.settled()
            log.info("gateway_started", version=__version__, gateway=self.settings.gateway_id)
            systemd.ready(parts.reload.status)
            tasks.append(group.create_task(parts.reload.run(self.reload), name="reload"))
            await self.stop.wait()
            await self._shut_down()
            for task in tasks:
                task.cancel()
        log.info("gateway_stopped")

    def _works(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What runs from the beginning, by name."""
        parts = self.parts
        yield "journal", parts.journal.run()
        yield "outbox", parts.outbox.run(self._store, self._pool)
        yield "inference", parts.inference.run()
        yield "decide", parts.decide.run()
        yield "explain", parts.explain.run()
        yield "docket", parts.docket.run()
        yield "retry", parts.retry.run()
        yield "wills", parts.wills.run()
        yield "requests", parts.requests.run()
        yield "held", parts.held.run()
        yield "audit", parts.audit.run()
        yield "periods", parts.periods.run()
        yield "traffic", parts.traffic.run()
        yield "clouds", parts.clouds.run()
        yield "sync", parts.sync.run()
        yield "page", parts.page.run()
        yield "errands", parts.errands.run()
        yield "fleet", watch(parts.standby)
        yield "updates", parts.updates.run(self.reload)
        yield "last_good", parts.last_good.run()
        yield from self.observing.works()
        yield "beat", parts.beat.run()
        yield "connections", self._connections()
        yield "threads", parts.links.watch_threads()

    async def _worker_tried(self) -> None:
        """Wait until the models are there, but neither for ever nor when we are to stop."""
        parts = self.parts
        waits = [asyncio.ensure_future(e.wait()) for e in (parts.inference.first, self.stop)]
        await asyncio.wait(waits, timeout=WORKER_START_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _shut_down(self) -> None:
        """Take what is here, judge it, commit it, acknowledge it, say goodbye."""
        parts = self.parts
        systemd.stopping()
        log.info("gateway_stopping")
        parts.errands.stopped()
        await parts.last_orders.give()
        await leave(parts.standby)
        await parts.wills.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await parts.ingest.close()
                await parts.decide.settled()
                await parts.explain.settled()
                parts.beat.last()
                parts.clouds.record()
                parts.audit.stopped()
                await parts.journal.committed()
                if parts.audit.sign():
                    await parts.journal.committed()
                await parts.outbox.settled()
                await parts.journal.committed()
        parts.decide.close()
        closing = (parts.inference, parts.clouds, parts.sync, parts.page, self.observing)
        await asyncio.gather(parts.links.stop(), *(part.close() for part in closing))

    async def _connections(self) -> None:
        """A broker is there: show what holds now, and send what waited."""
        parts = self.parts
        while True:
            name = await parts.links.connected.get()
            if name == self.settings.announce_broker:
                parts.outbox.on_connected()
                parts.audit.show()
                parts.sync.on_connected()
                for watch in parts.reload.site.watches.values():
                    parts.announce.asset(watch)
                parts.beat.connected()
            await parts.act.on_connected(name)

    async def _timer(self) -> None:
        """Close rows and decide fail-safes when their time is over."""
        parts = self.parts
        while True:
            wait_ms = parts.decide.next_ms()
            await asyncio.sleep(0.5 if wait_ms is None else min(wait_ms + 1, 500) / 1000)
            await parts.decide.tick()

    async def _in_store(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)
