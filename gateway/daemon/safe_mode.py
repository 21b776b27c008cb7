"""Safe mode: the user's file is broken, so the last good one is in force, and nothing is commanded.

Everything else goes on: messages are taken and stored, machines judged, alerts told. It is a stop
of the gateway's own: every limit, will and helper that asks for a person's stop finds it, and no
person ends it but by a file that is right again.
"""

from collections.abc import Callable
from typing import Final

import structlog

from gateway.core.interventions import GATEWAY, Intervention, Kind, Standing
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.last_good import LastGood
from gateway.daemon.links import Link
from gateway.daemon.reload import Reload
from gateway.daemon.requests import Requests
from gateway.daemon.site import Site, ids

AUTHOR: Final = "safe mode"

log = structlog.get_logger()


def begin(
    site: Site,
    standing: Standing,
    link: Link,
    requests: Requests,
    reload: Reload,
    announce: Announce,
    hurry: Callable[[], None],
    clock: Clock,
) -> LastGood:
    """Let it hold if the file is broken; who keeps the file when it proves good."""
    safe, last_good = SafeMode(site, standing, announce, clock), LastGood(site, link, clock)
    safe.hurry = hurry
    safe.begun()
    reload.add(last_good, safe)
    requests.register("reload", reload.answer)
    return last_good


class SafeMode:
    """Holds while the file that is in force is not the user's."""

    def __init__(self, site: Site, standing: Standing, announce: Announce, clock: Clock) -> None:
        """It holds from here on, if it does; ``begun`` says so."""
        self._standing = standing
        self._announce = announce
        self._clock = clock
        self.hurry: Callable[[], None] = lambda: None
        """The health document is due."""
        self._site = site
        if site.settings.broken_why:
            standing.safe_mode = self._stop(site.settings.broken_why)

    @property
    def site(self) -> Site:
        """Whose file it is about."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        if self._standing.safe_mode is not None and not site.settings.broken_why:
            self._standing.safe_mode = None
            log.info("safe_mode_left", file=str(site.settings.file))
            self._announce.event("safe_mode_left", file=site.settings.file.name)
            self.hurry()

    def begun(self) -> None:
        """Say that it holds, once everybody listens."""
        settings = self._site.settings
        if settings.broken_why:
            told = {"error": settings.broken_why, "sha256": settings.digest}
            log.error("safe_mode_entered", file=str(settings.file), **told)
            self._announce.event("safe_mode_entered", file=settings.file.name, **told)

    def _stop(self, why: str) -> Intervention:
        clock = self._clock
        return Intervention(
            id=ids(clock)(),
            kind=Kind.STOP,
            asset=GATEWAY,
            author=AUTHOR,
            reason=why.partition("\n")[0],
            at_ms=clock.now_ms(),
            mono_ms=clock.mono_ms(),
            boot=clock.boot,
            clock_ok=clock.ok(),
        )
