"""Reload: take the file again, all of it or nothing of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from gateway.adapters import systemd
from gateway.config import apart
from gateway.config.settings import Settings
from gateway.daemon.announce import Announce
from gateway.daemon.audit import of_file
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link
from gateway.daemon.site import Site, build
from gateway.daemon.telling import Telling
from gateway.daemon.versions import Versions
from gateway.errors import ConfigError

NEEDS_RESTART: Final = (
    "gateway_id",
    "announce_broker",
    "brokers",
    "store",
    "log",
    "audit",
    "fleet",
)

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

    def add(self, *parts: Part) -> None:
        """These are given the new site, too."""
        self._parts = (*self._parts, *parts)

    async def run(self, asked: asyncio.Event) -> None:
        """Reload whenever it is asked for."""
        while True:
            await asked.wait()
            asked.clear()
            systemd.reloading()
            try:
                await self._exchange()
            except ConfigError as error:
                log.error("configuration_rejected", error=str(error))
                name = self.site.settings.file.name
                self._announce.event("configuration_rejected", error=str(error), file=name)
            systemd.ready(f"{len(self.site.watches)} assets, {len(self._links)} brokers")

    async def _exchange(self) -> None:
        """Load, build, and only then exchange.

        Raises:
            ConfigError: nothing was changed.
        """
        settings = await asyncio.to_thread(apart.load, self.site.settings.file)
        self._same_frame(self.site.settings, settings)
        fleet = await asyncio.to_thread(self._versions.open, settings)
        site = build(settings, fleet.active, self._clock)
        self._versions.adopt(fleet, site)
        _carry_over(self.site, site)
        self.site = site
        for part in self._parts:
            part.site = site
        for name, link in self._links.items():
            link.subscribe(site.subscriptions(name))
        log.info("configuration_loaded", assets=len(site.watches), sources=len(site.feeds))
        self._announce.event("configuration_loaded", **of_file(settings))
        for watch in site.watches.values():
            self._announce.asset(watch)
            if watch.policy.lost:
                self._announce.alert(watch)

    def _same_frame(self, old: Settings, new: Settings) -> None:
        """What needs a restart, which ``info`` shows, too.

        Raises:
            ConfigError: it names what changed.
        """
        changed = [name for name in NEEDS_RESTART if getattr(old, name) != getattr(new, name)]
        self._telling.restart_required(tuple(changed))
        if changed:
            raise ConfigError(f"restart the gateway to change {', '.join(changed)}")


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
