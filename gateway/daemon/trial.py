"""A received configuration on trial, as the daemon sees it: it stays as well as it was, or not."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from gateway.config.settings import UpdateSettings
from gateway.core.probation import Probation
from gateway.daemon.clock import Clock
from gateway.daemon.site import Site
from gateway.updates import configuration
from gateway.updates.configuration import Trial
from gateway.updates.record import changing

UNHEARD: Final = frozenset({"stale", "silent"})
NOT_ITS: Final = ("updates:", "configuration:", "clock:")
"""Problems that no configuration makes."""

log = structlog.get_logger()


class ConfigurationTrial:
    """At most one at a time."""

    def __init__(self, problems: Callable[[], list[str]], clock: Clock) -> None:
        """``problems``: what works less than it should."""
        self._all = problems
        self._clock = clock
        self._probation: Probation | None = None
        self._of = ""
        """sha256 of the one that is watched."""
        self.rejected = ""
        """Why the file could not be read again, when it was last."""

    @property
    def running(self) -> bool:
        """One is on trial."""
        return self._probation is not None

    def adopt(self, site: Site) -> None:
        """Another file is in force."""
        self._site = site
        self.rejected = ""

    async def prepare(self, folder: Path) -> None:
        """Before the file is read again: how well is the gateway now?"""
        trial = await asyncio.to_thread(Trial.load, folder)
        if trial is not None and trial.problems is None:
            known = replace(trial, problems=tuple(self._problems()), fresh=self._fresh())
            try:
                await asyncio.to_thread(known.save, folder)
            except OSError as error:  # then it is held against nothing: any problem ends it
                log.warning("updates_not_recorded", error=str(error))
        self.rejected = ""

    def _problems(self) -> list[str]:
        return [one for one in self._all() if not one.startswith(NOT_ITS)]

    def _fresh(self) -> tuple[str, ...]:
        """Assets of which something fresh is known."""
        mono_ms = self._clock.mono_ms()
        return tuple(
            id_
            for id_, watch in self._site.watches.items()
            if any(
                watch.latest.quality(name, mono_ms)[1] not in UNHEARD
                for name in watch.asset.metrics
            )
        )

    async def look(self, settings: UpdateSettings) -> bool:
        """Once a second; True when it was kept, or gone back from."""
        trial = await asyncio.to_thread(Trial.load, settings.folder)
        if trial is None:
            self._probation, self._of = None, ""
            return False
        why = self._looked(trial, settings)
        if why is None:
            return False
        try:
            await asyncio.to_thread(_ended, settings.folder, trial, why)
        except OSError as error:
            log.warning("updates_not_recorded", error=str(error))
            return False
        self._probation, self._of = None, ""
        return True

    def _looked(self, trial: Trial, settings: UpdateSettings) -> str | None:
        """Why it failed; empty when it passed; None while neither is certain."""
        now_ms, site = self._clock.mono_ms(), self._site
        if site.settings.received != trial.taken.sha256:
            return site.settings.received_why or self.rejected or None
        if self._probation is None or self._of != trial.taken.sha256:
            self._of = trial.taken.sha256
            before = (trial.problems or (), trial.fresh)
            self._probation = Probation(*before, settings.probation_ms, now_ms)
        return self._probation.look(self._problems(), site.watches, self._fresh(), now_ms)


def _ended(folder: Path, trial: Trial, why: str) -> None:
    with changing(folder) as record:
        if why:
            configuration.roll_back(folder, record, trial, why)
        else:
            configuration.keep(folder, record, trial)
