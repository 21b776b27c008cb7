"""Scrape: the daemon's side of the process that answers Prometheus.

It is started where the file has ``metrics``, begun anew when that changes or when it dies, and
never waited for: while it does not read, nothing is told.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from gateway.config.watching import MetricsSettings
from gateway.daemon.clock import Clock
from gateway.daemon.site import Site
from gateway.daemon.sync_child import SyncChild
from gateway.web.scrape_spec import ScrapeSpec

MODULE: Final = "gateway.web.scrape"
TOLD_S: Final = 5.0
UNREAD: Final = 262_144
"""Bytes that wait in the pipe; more than that is not told before it reads."""
STUCK: Final = 6
"""So many times unread: it is begun anew."""
FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0
STEADY_S: Final = 60.0

log = structlog.get_logger()


class Scrape:
    """The metrics of a file."""

    def __init__(
        self, site: Site, look: Callable[[float], dict[str, Any]], parent: int, clock: Clock
    ) -> None:
        """``look`` gathers the figures, told how late the loop was."""
        self._look = look
        self._parent = parent
        self._clock = clock
        self._changed = asyncio.Event()
        self._child: SyncChild | None = None
        self._closed = False
        self._wanted: MetricsSettings | None = None
        self._error = ""
        self.down = False
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file says whether there are metrics."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        wanted = site.settings.metrics
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def run(self) -> None:
        """Keep the process running while it is wanted."""
        failures = 0
        while not self._closed:
            self._changed.clear()
            if self._wanted is None:
                self.down = False
                await self._changed.wait()
                continue
            started_ms = self._clock.mono_ms()
            why = await self._serve(self._wanted)
            if self._changed.is_set():
                failures = 0
                continue
            lived_s = (self._clock.mono_ms() - started_ms) / 1000
            failures = 1 if lived_s > STEADY_S else failures + 1
            self._died(why)
            await self._rest(min(LONGEST_S, FIRST_S * 2**failures))

    async def _serve(self, wanted: MetricsSettings) -> str:
        """One life of the process; why it ended."""
        try:
            self._child = child = await SyncChild.start(self._spec(wanted), MODULE)
        except OSError as error:
            return str(error)
        feed = asyncio.create_task(self._feed(child), name="scrape_feed")
        try:
            async for line in child.lines():
                self._hear(line)
        finally:
            feed.cancel()
            self._child = None
        return await child.ended()

    async def _feed(self, child: SyncChild) -> None:
        """Tell the newest figures, and end it when another one is wanted or it reads nothing."""
        stuck, late_s = 0, 0.0
        while not self._changed.is_set() and stuck < STUCK:
            stuck = stuck + 1 if child.unread > UNREAD else 0
            if not stuck:
                child.send(json.dumps(self._look(late_s)).encode() + b"\n")
            began_ms = self._clock.mono_ms()
            await self._rest(TOLD_S)
            late_s = max(0.0, (self._clock.mono_ms() - began_ms) / 1000 - TOLD_S)
        await child.end()

    async def _rest(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._changed.wait()

    def _hear(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            port = json.loads(line)["listening"]
            self.down, self._error = False, ""
            log.info("metrics_started", port=port)

    def _died(self, why: str) -> None:
        self.down = True
        if why != self._error:
            log.error("metrics_process_died", error=why)
        self._error = why

    def problems(self) -> list[str]:
        """What works less than it should."""
        return [f"metrics: {self._error or 'its process is down'}"] if self.down else []

    async def close(self) -> None:
        """End it, within two seconds."""
        self._closed = True
        self._changed.set()
        if self._child is not None:
            await self._child.end()

    def _spec(self, wanted: MetricsSettings) -> ScrapeSpec:
        listen = wanted.listen
        files = (wanted.token_file, listen.cert_file, listen.key_file)
        told = [str(file or "") for file in files]
        return ScrapeSpec(listen.host, listen.port, self._parent, *told)
