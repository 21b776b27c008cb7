"""Updates: visits to the repository now and then, and what follows from what they put down.

A visit is a process of its own, started here at jittered times, or by hand. What it puts down is
noticed by its record's file: events are told and put on record, and the file is read again, so that
a new version becomes a candidate and a configuration is on trial. What fails is remembered.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import structlog

from gateway.config.settings import UpdateSettings
from gateway.core.commands import Command
from gateway.core.topic_tree import Document, rfc3339
from gateway.core.verdicts import Decision
from gateway.daemon import arrivals
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site
from gateway.daemon.trial import ConfigurationTrial
from gateway.daemon.versions import Versions
from gateway.daemon.visiting import visited
from gateway.updates.record import Record

LOOK_S: Final = 1.0
CLOCK_MS: Final = 30_000
"""While the clock cannot be believed nothing is asked; it is looked at again this often."""
AGAIN_MS: Final = 60_000
"""A file that could not be read again is tried again this often, while something waits for it."""

log = structlog.get_logger()


class Updates:
    """The daemon's part in updates; without the section ``updates`` it only waits for one."""

    def __init__(
        self,
        site: Site,
        versions: Versions,
        journal: Journal,
        announce: Announce,
        problems: Callable[[], list[str]],
        clock: Clock,
    ) -> None:
        """``problems``: what works less than it should."""
        self._wanted = asyncio.Event()
        self._versions = versions
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._record = Record()
        self._seen = 0
        self._failed: list[tuple[str, str, str]] = []
        """Models whose delivered version is over: state, why."""
        self._trial = ConfigurationTrial(problems, clock)
        self.site = site
        announce.ears.append(self)

    @property
    def site(self) -> Site:
        """Whose file says where updates come from."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        self._trial.adopt(site)
        (self._wanted.set if site.settings.updates else self._wanted.clear)()

    @property
    def _settings(self) -> UpdateSettings | None:
        return self.site.settings.updates

    # -- running --------------------------------------------------------------------------------

    async def run(self, reload: asyncio.Event) -> None:
        """Visit, and look, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._visits(), name="visits")
            group.create_task(self._looks(reload), name="looks")

    async def _visits(self) -> None:
        part = random.random()  # noqa: S311  # a fleet that starts together does not ask together
        while True:
            await self._wanted.wait()
            settings = self._settings
            await asyncio.sleep((settings.every_ms if settings else 1_000) * part / 1000)
            part = 0.5 + random.random()  # noqa: S311  # as above
            settings = self._settings
            if settings is None:
                continue
            if self._clock.ok():
                why = await visited(settings, self.site.settings.file)
                if why:
                    await self._change(partial(Record.ended, why=why, now_ms=self._clock.now_ms()))
            else:  # nothing can be held to be new, or to have ended
                part = min(part, CLOCK_MS / settings.every_ms)

    async def _looks(self, reload: asyncio.Event) -> None:
        again_ms = 0
        while True:
            await self._wanted.wait()
            await asyncio.sleep(LOOK_S)
            settings = self._settings
            if settings is None:
                continue
            if self._failed:
                await self._remember_failed()
            changed = await asyncio.to_thread(arrivals.changed_ns, settings.folder)
            if changed != self._seen:
                self._seen = changed
                await self._tell(settings)
                again_ms = 0
            if self._clock.mono_ms() >= again_ms:
                again_ms = self._clock.mono_ms() + AGAIN_MS
                if await asyncio.to_thread(arrivals.differ, self.site.settings):
                    await self._trial.prepare(settings.folder)
                    reload.set()
            if settings.may and not self.site.settings.broken_why:
                await self._watch(settings)  # what commands nothing shows nothing of itself

    async def _watch(self, settings: UpdateSettings) -> None:
        """A configuration on trial: kept, or gone back from."""
        if await self._trial.look(settings):
            self._seen = 0  # what follows is in the record

    # -- the record -----------------------------------------------------------------------------

    async def _change(self, change: Callable[[Record], None]) -> None:
        settings = self._settings
        if settings is None:
            return
        try:
            await asyncio.to_thread(arrivals.change, settings.folder, change)
        except OSError as error:
            log.warning("updates_not_recorded", error=str(error))

    async def _tell(self, settings: UpdateSettings) -> None:
        """Say what happened, put it on record, and only then forget it."""
        self._record = record = await asyncio.to_thread(Record.load, settings.folder)
        numbers = set()
        for told in record.untold:
            keys = {name: value for name, value in told.items() if name != "number"}
            numbers.add(told.get("number"))
            event = str(keys.pop("event", ""))
            if keys.get("why"):
                log.warning("update_told", update=event, **keys)
            else:
                log.info("update_told", update=event, **keys)
            if event == "update_check_refused":
                self._announce.event("security_repository_refused", **keys)
            else:
                step = event.removeprefix("update_")
                self._announce.event("update_changed", step=step, **keys)
        if numbers:
            await self._journal.committed()
            await self._change(partial(arrivals.forget, numbers))

    async def _remember_failed(self) -> None:
        failed, self._failed = self._failed, []
        for model, event, why in failed:
            await self._change(partial(arrivals.end, model, event, why, self._settings))

    # -- what is announced (an Ear) -------------------------------------------------------------

    def event(self, kind: str, keys: Mapping[str, object]) -> None:
        """A version passed or failed; a file was refused."""
        if kind == "configuration_rejected":
            self._trial.rejected = str(keys.get("error"))
        if kind != "model_version_changed":
            return
        model = str(keys.get("model"))
        settings = self.site.settings.models.get(model)
        lineage = self._versions.lineages.get(model)
        if settings is None or not settings.delivered or lineage is None:
            return
        if not keys.get("hash") or keys.get("hash") != lineage.declared[1]:
            return
        after = (keys.get("before"), keys.get("state"))
        kinds = {"refused": "update_refused", "rolled_back": "update_rolled_back"}
        event = kinds.get(str(keys.get("state")), "")
        if after == ("probation", "active"):
            event = "update_kept"
        if event:
            self._failed.append((model, event, str(keys.get("why") or "")))

    def decision(self, made: Decision) -> None:
        """Nothing to do."""

    def command(self, order: Command) -> None:
        """Nothing to do."""

    def fresh(self, asset: str, *, fresh: bool) -> None:
        """Nothing to do."""

    # -- health ---------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What works less than it should; a repository that is away is none."""
        settings = self.site.settings
        found = []
        if settings.received_why:
            first = settings.received_why.partition("\n")[0]
            found.append(f"configuration: the received one is left out: {first}")
        if settings.updates is not None and self._record.refused:
            found.append(f"updates: {self._record.why}")
        return found

    def document(self) -> Document:
        """For the health document; empty where nothing is asked for."""
        if self._settings is None:
            return {}
        record, config = self._record, self.site.settings.received
        return {
            "checked": rfc3339(record.checked_ms) if record.checked_ms else None,
            "error": record.why or None,
            "refused": record.refused,
            "models": {
                name: {"version": one.version, "sha256": one.sha256}
                for name, one in record.models.items()
            },
            "configuration": config or None,
            "on_trial": self._trial.running,
        }
