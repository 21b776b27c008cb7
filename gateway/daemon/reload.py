"""Reload: take the file again: what it can do while it runs at once, the rest at the next start.

A file that is wrong changes nothing. Of one that is right, what belongs to the frame (see
``config.frame``) waits for a restart, and everything else holds at once; where the rest cannot be
had without its frame, as a source on a broker that is not connected yet, nothing of it holds.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from gateway.adapters import logs, systemd
from gateway.config import apart, frame
from gateway.config.keypaths import shown
from gateway.config.settings import Settings
from gateway.core.counts import counted
from gateway.core.requests import Request, RequestError
from gateway.daemon.announce import Announce
from gateway.daemon.audit import of_file
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link
from gateway.daemon.site import Site, build
from gateway.daemon.telling import Telling
from gateway.daemon.versions import Versions
from gateway.errors import ConfigError

STATUS: Final = 200
"""Characters of systemd's line."""

log = structlog.get_logger()


class Part(Protocol):
    """A part of the daemon that works on a site."""

    site: Site


class Reload:
    """Exchanges the site of a running daemon."""

    def __init__(
        self,
        site: Site,
        parts: Sequence[Part],
        links: Mapping[str, Link],
        versions: Versions,
        announce: Announce,
        telling: Telling,
        clock: Clock,
    ) -> None:
        """``parts`` are given the new site."""
        self.site = site
        self._parts = parts
        self._links = links
        self._versions = versions
        self._announce = announce
        self._telling = telling
        self._clock = clock
        self._one = asyncio.Lock()
        self._read = site.settings
        """The file as it was read last; what of it holds is the site's."""
        self._waiting: tuple[str, ...] = ()
        self.level: Callable[[str], None] = logs.set_level
        """Told the log's level when the file has another one."""

    def add(self, *parts: Part) -> None:
        """These are given the new site, too."""
        self._parts = (*self._parts, *parts)

    async def run(self, asked: asyncio.Event) -> None:
        """Reload whenever it is asked for."""
        while True:
            await asked.wait()
            asked.clear()
            with suppress(ConfigError):
                await self._reload()

    async def answer(self, request: Request) -> Mapping[str, object]:
        """``request/reload``: as SIGHUP, and what came of it; ``dry_run``: what would.

        Raises:
            RequestError: the file is wrong, or needs a restart; nothing was changed.
        """
        if strange := sorted(request.fields.keys() - {"dry_run"}):
            raise RequestError(f"unknown key {strange[0][:40]!r}; there is dry_run")
        dry = request.fields.get("dry_run", False)
        if not isinstance(dry, bool):
            raise RequestError("dry_run should be true or false")
        try:
            return await (self._looked() if dry else self._reload())
        except ConfigError as error:
            raise RequestError(str(error)) from error

    @property
    def status(self) -> str:
        """How it stands, for systemd."""
        settings = self.site.settings
        head = f"SAFE MODE: {settings.broken_why.partition(chr(10))[0]}; " * bool(
            settings.broken_why
        )
        tail = f"; restart to change {', '.join(self._waiting)}" * bool(self._waiting)
        about = f"{counted(len(self.site.watches), 'asset')}, {counted(len(self._links), 'broker')}"
        return f"{head}{about}{tail}"[:STATUS]

    async def _reload(self) -> Mapping[str, object]:
        """Load the file again, and say what came of it.

        Raises:
            ConfigError: nothing was changed.
        """
        async with self._one:
            systemd.reloading()
            try:
                return await self._exchange()
            except ConfigError as error:
                log.error("configuration_rejected", error=str(error))
                name = self.site.settings.file.name
                self._announce.event("configuration_rejected", error=str(error), file=name)
                raise
            finally:
                systemd.ready(self.status)

    async def _looked(self) -> Mapping[str, object]:
        settings = await asyncio.to_thread(apart.load, self.site.settings.file, self._read.snapshot)
        kept = frame.kept(self.site.settings, settings)
        return _told(settings, self._paths(settings, kept))

    async def _exchange(self) -> Mapping[str, object]:
        """Load, build, and only then exchange.

        Raises:
            ConfigError: nothing was changed.
        """
        read = await asyncio.to_thread(apart.load, self.site.settings.file, self._read.snapshot)
        kept = frame.kept(self.site.settings, read)
        waiting = self._paths(read, kept)
        self._wait_for(waiting)
        settings = frame.within(self.site.settings, read, kept)
        fleet = await asyncio.to_thread(self._versions.open, settings)
        site = build(settings, fleet.active, self._clock)
        self._versions.adopt(fleet, site)
        self._take(site)
        self._read = read
        told = _told(read, waiting)
        log.info("configuration_loaded", assets=len(site.watches), sources=len(site.feeds), **told)
        self._announce.event("configuration_loaded", **of_file(read), **told)
        for watch in site.watches.values():
            self._announce.asset(watch)
            if watch.policy.lost:
                self._announce.alert(watch)
        return told

    def _take(self, site: Site) -> None:
        """Every part works on the new site."""
        level = site.settings.log.level
        if level != self.site.settings.log.level:
            self.level(level)
        _carry_over(self.site, site)
        self.site = site
        for part in self._parts:
            part.site = site
        for name, link in self._links.items():
            link.subscribe(site.subscriptions(name))

    def _paths(self, read: Settings, kept: Sequence[str]) -> tuple[str, ...]:
        """The key paths that wait for a restart, those from before among them."""
        found = dict.fromkeys((*self._waiting, *read.changed))
        return frame.waiting(tuple(found), kept)

    def _wait_for(self, paths: tuple[str, ...]) -> None:
        """Show what waits for a restart."""
        self._waiting = paths
        self._telling.restart_required(paths)


def _told(read: Settings, waiting: tuple[str, ...]) -> dict[str, object]:
    """What changed, and what of it waits."""
    applied = [path for path in read.changed if path not in waiting]
    return {"changed": shown(applied), "restart_required": shown(waiting)}


def _carry_over(old: Site, new: Site) -> None:
    """What is known of an asset or a source outlives a change of the file."""
    for asset, watch in new.watches.items():
        before = old.watches.get(asset)
        if before is not None:
            watch.take_over(before)
    new.gates.take_over(old.gates)
    for name, feed in new.feeds.items():
        was = old.feeds.get(name)
        if was is not None and was.source == feed.source:
            feed.take_over(was)
