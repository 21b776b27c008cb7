"""Upkeep: the clock, the limits of the store, calibrations, silent sources."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final, TypeVar

import structlog

from gateway.core.filling import Filling
from gateway.daemon.announce import Announce
from gateway.daemon.clock import HeldClock
from gateway.daemon.guard import Guard
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.restore import calibration_key
from gateway.daemon.site import Site
from gateway.errors import StoreError
from gateway.store.batch import StoreHealth
from gateway.store.writer import Store

EVERY_MS: Final = 60_000
MORE_MS: Final = 1_000
"""Between two calls while the store still has rows to drop."""
STEP_MS: Final = 2_000
"""A wall clock that moved this much against the monotonic one was stepped."""

UNKNOWN: Final = StoreHealth("unknown", 0, 0, 0, False, {}, None, None, 0)  # noqa: FBT003
"""Until it was looked at once."""

log = structlog.get_logger()
T = TypeVar("T")


class Upkeep:
    """What must be looked after now and then."""

    def __init__(
        self,
        site: Site,
        journal: Journal,
        ingest: Ingest,
        announce: Announce,
        maintenance: Maintenance,
        guard: Guard,
        clock: HeldClock,
        store: Store,
        pool: Executor,
    ) -> None:
        """Nothing is due before the first minute."""
        self.site = site
        self._journal = journal
        self._ingest = ingest
        self._announce = announce
        self._maintenance = maintenance
        self._guard = guard
        self._clock = clock
        self._store = store
        self._pool = pool
        self._wrong_ms: int | None = None
        """How wrong the clock was before it was right, until that is repaired."""
        self._due_ms = clock.mono_ms() + EVERY_MS
        self.known: tuple[StoreHealth, dict[tuple[str, str], int]] = (UNKNOWN, {})
        self._filling = Filling()
        self._kept: dict[tuple[str, str, int], int] = {}
        self._slow: set[tuple[str, str, str]] = set()
        """(asset, model, channel) that were said to starve."""

    def _look_at_paces(self) -> None:
        """Say once which channels get their values too seldom, and again after a recovery."""
        found = {slow[:3]: slow for watch in self.site.watches.values() for slow in watch.slow()}
        for key in found.keys() - self._slow:
            slow = found[key]
            log.warning(
                "channel_starved",
                asset=slow.asset,
                model=slow.model,
                channel=slow.channel,
                expected_ms=slow.expected_ms,
                found_ms=slow.found_ms,
                advice=slow.advice,
            )
        self._slow = set(found)

    async def look(self) -> None:
        """Do what is due."""
        await self._look_at_clock()
        self._look_at_sources()
        self._guard.look()
        self._look_at_paces()
        self.keep_calibrations()
        self._maintenance.look()
        if self._clock.mono_ms() >= self._due_ms and not self._journal.trouble:
            await self._maintain()

    # -- the clock ------------------------------------------------------------------------------

    async def _look_at_clock(self) -> None:
        """Notice steps, and re-stamp what was stored before the clock was right."""
        was_ok = self._clock.ok()
        step = self._clock.look()
        ok = self._ingest.uplinks.clock_ok = self._clock.ok()
        if abs(step) >= STEP_MS:
            log.warning("clock_stepped", step_ms=step)
            self._journal.batch.counts["clock", "stepped"] += 1
            self._journal.changed()
        if ok and not was_ok:
            self._wrong_ms = step
        if self._wrong_ms is not None and not self._journal.trouble:
            await self._repair(self._wrong_ms)

    async def _repair(self, step: int) -> None:
        """The clock became right: everything this boot stored before is moved by the step."""
        await self._journal.committed()
        try:
            rows = await self._in_store(lambda: self._store.repair_clock(self._clock.boot, step))
        except StoreError as error:
            log.warning("clock_repair_failed", error=str(error))
            return
        self._wrong_ms = None
        log.info("clock_repaired", rows=rows, step_ms=step)

    # -- sources, calibrations, the store -------------------------------------------------------

    def _look_at_sources(self) -> None:
        for feed in self.site.feeds.values():
            gap = feed.rhythm.overdue(self._clock.mono_ms())
            if gap is not None:
                log.warning("source_silent", source=feed.source.name, silent_s=gap // 1000)
                self._announce.event("source_silent", source=feed.source.name, silent_s=gap // 1000)

    def last(self) -> None:
        """Store everything that was learnt."""
        self.keep_calibrations(step=1)
        self._maintenance.look(step=1)

    def keep_calibrations(self, step: int | None = None) -> None:
        """Store calibrations while they are learnt (every ``step`` rows) and when they are done."""
        for watch in self.site.watches.values():
            for model, state in watch.states():
                learnt = state.calibration
                if learnt is None:
                    continue
                key = calibration_key(watch.asset.id, model, state.hash)
                version = (*key, learnt.number)
                if learnt.ready and not learnt.at_ms:
                    learnt.at_ms = self._clock.now_ms()
                new = learnt.progress - self._kept.get(version, 0)
                wait = max(1, learnt.rows // 10) if step is None else step
                if new and (learnt.ready or new >= wait):
                    self._kept[version] = learnt.progress
                    self._journal.batch.kept[key] = learnt.to_json()
                    self._journal.changed()

    def keep_states(self) -> None:
        """Store the states that models carry; one lost to a crash is begun again."""
        for watch in self.site.watches.values():
            for model, state in watch.states():
                if state.carried is not None and state.carried.end_ms is not None:
                    key = "carried", calibration_key(watch.asset.id, model, state.hash)[1]
                    self._journal.batch.kept[key] = state.carried.to_json()

    async def _maintain(self) -> None:
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        clock_ok = self._ingest.uplinks.clock_ok
        self._due_ms = mono_ms + EVERY_MS
        try:
            self._store.keep_metrics(self.site.settings.metric_keep_ms)
            done = await self._in_store(lambda: self._store.maintain(now_ms, clock_ok, mono_ms))
        except StoreError as error:
            log.warning("upkeep_failed", error=str(error))
            return
        if done.dropped:
            rows = {f"{kind}:{reason}": count for (kind, reason), count in done.dropped.items()}
            log.info("rows_dropped", rows=rows, thinned=done.thinned)
        if done.more:
            self._due_ms = self._clock.mono_ms() + MORE_MS

    async def store_health(self) -> tuple[StoreHealth, dict[tuple[str, str], int]]:
        """How the store is, and its durable counters; how it was last, while it is not open."""
        try:
            health, counters = await self._in_store(
                lambda: (self._store.health(), self._store.counters())
            )
        except StoreError as error:
            log.debug("store_health_failed", error=str(error))
        else:
            self.known = replace(health, full_in_s=self._full_in_s(health)), counters
        return self.known

    def _full_in_s(self, health: StoreHealth) -> int | None:
        limits, used = self.site.settings.store, health.bytes
        free = min(limits.max_bytes - used, health.free_disk_bytes - limits.min_free_bytes)
        return self._filling.note(self._clock.mono_ms(), used, free)

    async def _in_store(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)
