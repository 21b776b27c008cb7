"""Telling: the parts that tell others, wired: the gateway's own topics, Home Assistant, people."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.core.messages import Message
from gateway.daemon import alerts, discovery, retained
from gateway.daemon.alerts import Alerts
from gateway.daemon.announce import Announce
from gateway.daemon.bulletin import Bulletin
from gateway.daemon.clock import Clock
from gateway.daemon.discovery import Discovery
from gateway.daemon.health import Health
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.loglines import LogLines
from gateway.daemon.roll import Roll
from gateway.daemon.site import Site
from gateway.daemon.tidings import Tidings
from gateway.daemon.versions import Versions

ROOMS: Final = (retained.ROOM, discovery.ROOM, alerts.ROOM)
"""Rooms of the store that it starts from."""


class Telling:
    """Everything that is said beside verdicts, decisions and commands."""

    def __init__(
        self,
        site: Site,
        kept: Mapping[str, Mapping[str, str]],
        link: Link,
        health: Health,
        versions: Versions,
        roll: Roll,
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """``kept``: what the store holds of ``ROOMS``."""
        self._discovery = Discovery(kept[discovery.ROOM], link, versions, journal, announce, clock)
        self._bulletin = Bulletin(site, versions, roll, announce, self._discovery, clock)
        self._alerts = Alerts(kept[alerts.ROOM], journal, announce, clock)
        self._lines = LogLines(site.settings.base, announce, clock)
        self.tidings = Tidings(journal, clock)
        """Told to clouds; whoever knows the clouds says what they want."""
        self.tidings.adopt(())
        self._alerts.also = self.tidings.notice
        announce.ears.append(self._alerts)
        self._health = health
        health.failing = self._alerts.failing
        self._lines.listen()
        self.site = site

    @property
    def site(self) -> Site:
        """What it speaks of."""
        return self._bulletin.site

    @site.setter
    def site(self, site: Site) -> None:
        self._bulletin.site = site
        self._discovery.adopt(site)
        self._alerts.adopt(site)

    def heard(self, message: Message) -> bool:
        """Take a message that is for one of them; True when it was."""
        return self._discovery.heard(message)

    def restart_required(self, keys: tuple[str, ...]) -> None:
        """The file has changes that only a restart takes up; none: it has not."""
        self._bulletin.restart_required = self._health.restart_required = keys

    def on_connected(self) -> None:
        """The broker may have forgotten everything."""
        self._bulletin.on_connected()
        self._discovery.on_connected()

    def look(self, problems: Sequence[str]) -> None:
        """Once a second, with what works less than it should now."""
        self._bulletin.look(problems)
        self._discovery.look()
        self._bulletin.tidy()
        self._alerts.look()
        self._lines.look()

    def last(self) -> None:
        """The daemon is about to stop."""
        self._bulletin.last()
