"""The last good file: kept beside the database once the gateway has run well with it."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from gateway.config import keeping
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link
from gateway.daemon.site import Site
from gateway.updates import files

WELL_MS: Final = 30_000
"""A file is good when the gateway lived so long with it, and reached its own broker."""
LOOK_S: Final = 1.0

log = structlog.get_logger()


class LastGood:
    """What is kept of the user's file."""

    def __init__(self, site: Site, link: Link, clock: Clock, well_ms: int = WELL_MS) -> None:
        """``link``: the broker that our own topics are on."""
        self._link = link
        self._clock = clock
        self._well_ms = well_ms
        self._kept = b""
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file it is."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site, self._since_ms = site, self._clock.mono_ms()

    async def run(self) -> None:
        """Keep what proves good, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            settings = self._site.settings
            lived_ms = self._clock.mono_ms() - self._since_ms
            new = settings.snapshot != self._kept and not settings.broken_why
            if new and lived_ms >= self._well_ms and self._link.connected:
                await self._keep(settings.snapshot)

    async def _keep(self, snapshot: bytes) -> None:
        place = keeping.place(self._site.settings.store.path)
        self._kept = snapshot
        try:
            if await asyncio.to_thread(_put, place, keeping.unpacked(snapshot)):
                log.info("configuration_kept", path=str(place))
        except OSError as error:  # the next reload or start tries again
            log.warning("configuration_not_kept", path=str(place), error=str(error))


def _put(place: Path, data: bytes) -> bool:
    """Write it, unless it is there; whether it was written. Nobody else may read it."""
    if place.is_file() and place.read_bytes() == data:
        return False
    files.put(place, data, 0o600)
    return True
