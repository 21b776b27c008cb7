"""Forget: erase a device while the gateway runs, in memory and on the disk.

The store writes its whole file anew for it. Meanwhile it takes nothing, as while it refuses: what
comes is held in bounded memory, and health says so.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Final

import structlog

from gateway.core.requests import Request, RequestError
from gateway.daemon.announce import Announce
from gateway.daemon.guard import Guard
from gateway.daemon.journal import Journal
from gateway.daemon.roll import Roll, mapped
from gateway.daemon.site import Site
from gateway.errors import StoreError
from gateway.store.erasing import Erased
from gateway.store.writer import Store

WAIT_S: Final = 45.0
"""Of an answer; on a large file erasing goes on after it."""
TROUBLE: Final = "erasing"

log = structlog.get_logger()


class Forget:
    """Erases devices, one at a time."""

    def __init__(
        self,
        site: Site,
        guard: Guard,
        roll: Roll,
        journal: Journal,
        announce: Announce,
        store: Store,
        pool: Executor,
    ) -> None:
        """Nothing is being erased."""
        self.site = site
        self._guard = guard
        self._roll = roll
        self._journal = journal
        self._announce = announce
        self._store = store
        self._pool = pool
        self._running: asyncio.Task[Erased] | None = None
        self.also: Callable[[str], None] = lambda _device: None
        """Called in a thread of its own: who else remembers a device."""

    async def answer(self, request: Request) -> Mapping[str, object]:
        """``request/forget`` with ``device``: ``<source>/<device>``.

        Raises:
            RequestError: it cannot be done now.
        """
        source, slash, device = str(request.fields.get("device", "")).partition("/")
        if not (source and slash and device):
            raise RequestError("device should be <source>/<device>")
        if self._running is not None and not self._running.done():
            raise RequestError("another device is being erased: ask again later")
        if self._journal.trouble:
            raise RequestError(f"the store refuses: {self._journal.trouble}")
        assets = mapped(self.site.settings).get(source, {}).get(device, ())
        self._running = asyncio.create_task(self._erase(source, device))
        data: dict[str, object] = {"device": f"{source}/{device}", "still_mapped": list(assets)}
        try:
            async with asyncio.timeout(WAIT_S):
                done = await asyncio.shield(self._running)
        except TimeoutError:
            return data | {"done": False}
        except StoreError as error:
            raise RequestError(str(error)) from error
        return data | {"done": True} | done._asdict()

    async def _erase(self, source: str, device: str) -> Erased:
        self._in_memory(source, device)
        await self._journal.committed()
        self._in_memory(source, device)  # what came meanwhile
        self._journal.trouble = TROUBLE
        loop = asyncio.get_running_loop()
        try:
            done = await loop.run_in_executor(self._pool, self._store.forget, source, device)
        except StoreError as error:
            log.warning("device_not_forgotten", source=source, error=str(error))
            raise
        finally:
            if self._journal.trouble == TROUBLE:
                self._journal.trouble = ""
        await asyncio.to_thread(self.also, device)
        log.info("device_forgotten", source=source, **done._asdict())
        # The record says that, not whom: a name in the chain could never be erased.
        self._announce.event("security_device_forgotten", source=source, rows=sum(done[:6]))
        return done

    def _in_memory(self, source: str, device: str) -> None:
        self._guard.forget(source, device)
        self._roll.forget(source, device)
        feed = self.site.feeds.get(source)
        if feed is not None:
            feed.offline.discard(device)
        for watch in self.site.watches.values():
            gone = [
                name
                for name, metric in watch.asset.metrics.items()
                if (metric.source, metric.device) == (source, device)
            ]
            if gone:
                watch.latest.forget(gone)
                self._announce.asset(watch)
