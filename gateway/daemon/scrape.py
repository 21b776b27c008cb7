"""Scrape: the daemon's side of the process that answers Prometheus.

It runs where the file has ``metrics``, begins anew when that changes, and is never waited for:
while it does not read, nothing is told.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from gateway.config.watching import MetricsSettings
from gateway.daemon.clock import Clock
from gateway.daemon.companion import Companion
from gateway.daemon.lives import Lives
from gateway.daemon.site import Site
from gateway.web.scrape_spec import ScrapeSpec

MODULE: Final = "gateway.web.scrape"
TOLD_S: Final = 5.0
UNREAD: Final = 262_144
"""Bytes that wait in the pipe; more than that is not told before it reads."""
STUCK: Final = 6
"""So many times unread: it is begun anew."""

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
        self._lives = Lives(MODULE, clock)
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file says whether there are metrics."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        metrics = site.settings.metrics
        self._lives.want(self._spec(metrics) if metrics is not None else None)

    async def run(self) -> None:
        """Keep the process running while it is wanted."""
        await self._lives.run(self._feed, self._hear, self._died)

    async def _feed(self, child: Companion) -> None:
        """Tell the newest figures; give up when it reads nothing."""
        stuck, late_s = 0, 0.0
        while stuck < STUCK:
            stuck = stuck + 1 if child.unread > UNREAD else 0
            if not stuck:
                child.tell(self._look(late_s))
            began_ms = self._clock.mono_ms()
            await asyncio.sleep(TOLD_S)
            late_s = max(0.0, (self._clock.mono_ms() - began_ms) / 1000 - TOLD_S)

    def _hear(self, _child: Companion, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            port = json.loads(line)["listening"]
            self._lives.up()
            log.info("metrics_started", port=port)

    def _died(self, why: str) -> None:
        if why != self._lives.error:
            log.error("metrics_process_died", error=why)

    def problems(self) -> list[str]:
        """What works less than it should."""
        error = self._lives.error
        return [f"metrics: {error}"] if error else []

    async def close(self) -> None:
        """End it, within two seconds."""
        await self._lives.close()

    def _spec(self, wanted: MetricsSettings) -> ScrapeSpec:
        files = (wanted.token_file, wanted.cert_file, wanted.key_file)
        told = [str(file) if file is not None else "" for file in files]
        return ScrapeSpec(wanted.host, wanted.port, self._parent, *told)
