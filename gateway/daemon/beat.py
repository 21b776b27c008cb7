"""Beat: the watchdog, the health document, the clock, upkeep of the store, silent sources.

systemd is told that we live only when the pipeline moves: messages are taken, batches are committed
(or the store's trouble is known and shown), and due windows are judged.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Final

import structlog

from gateway.adapters import systemd
from gateway.core import topic_tree
from gateway.core.topic_tree import Document
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.decide import Decide
from gateway.daemon.inference import Inference
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.restore import calibration_key
from gateway.daemon.site import Feed, Site
from gateway.errors import StoreError
from gateway.store.writer import Store

TICK_S: Final = 1.0
HEALTH_MS: Final = 30_000
UPKEEP_MS: Final = 60_000
STUCK_MS: Final = 30_000
"""Work that waits this long means that the pipeline does not move."""
STEP_MS: Final = 2_000
"""A wall clock that moved this much against the monotonic one was stepped."""

log = structlog.get_logger()


class Beat:
    """Once a second."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        journal: Journal,
        ingest: Ingest,
        decide: Decide,
        inference: Inference,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing has happened yet."""
        self.site = site
        self._links = links
        self._journal = journal
        self._ingest = ingest
        self._decide = decide
        self._inference = inference
        self._announce = announce
        self._clock = clock
        self._offset_ms = clock.now_ms() - clock.mono_ms()
        self._health_due_ms = 0
        self._upkeep_due_ms = clock.mono_ms() + UPKEEP_MS
        self._progress = (-1, -1)
        self._progress_ms = clock.mono_ms()
        self._state = ""
        self._kept: dict[tuple[str, str], int] = {}
        self.counters: Mapping[tuple[str, str], int] = {}

    async def run(self, store: Store, pool: Executor) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.beat(store, pool)

    async def beat(self, store: Store, pool: Executor) -> None:
        """One beat."""
        now_ms = self._clock.mono_ms()
        await self._check_clock(store, pool)
        if self._moves(now_ms):
            systemd.watchdog()
        self._check_sources(now_ms)
        self._keep_calibrations()
        if now_ms >= self._upkeep_due_ms and not self._journal.trouble:
            await self._upkeep(store, pool, now_ms)
        state = self.state()
        if now_ms >= self._health_due_ms or state != self._state:
            if state != self._state:
                log.info("gateway_changed", state=state, before=self._state)
            self._state, self._health_due_ms = state, now_ms + HEALTH_MS
            await self.publish_health(store, pool)

    # -- progress -------------------------------------------------------------------------------

    def _moves(self, now_ms: int) -> bool:
        """Something was done since, or there was nothing to do."""
        progress = (self._ingest.taken, self._journal.commits)
        waiting = not self._decide.idle or self._journal.waiting
        if progress != self._progress or not waiting or self._journal.trouble:
            self._progress, self._progress_ms = progress, now_ms
        return now_ms - self._progress_ms < STUCK_MS

    def state(self) -> str:
        """running, degraded (with what works less), or safe."""
        return "degraded" if self.problems() else "running"

    def problems(self) -> list[str]:
        """What works less than it should, one sentence each."""
        found = [
            f"broker {link.name}: {link.client.state.last_error or 'not connected'}"
            for link in self._links.values()
            if not link.connected
        ]
        found += [
            f"broker {link.name} refused {topic}: {reason}"
            for link in self._links.values()
            for topic, reason in link.client.state.refused.items()
        ]
        if self._journal.trouble:
            found.append(f"store: {self._journal.trouble}")
        if self._inference.state == "down":
            found.append("worker: down")
        found += [f"model {name}: {why}" for name, why in self._inference.refused.items()]
        found += [f"source {feed.source.name}: silent" for feed in self._silent()]
        found += [
            f"source {feed.source.name}: its bridge is offline"
            for feed in self.site.feeds.values()
            if feed.bridge_online is False
        ]
        if not self._ingest.clock_ok:
            found.append("clock: not synchronised")
        return found

    def _silent(self) -> list[Feed]:
        return [feed for feed in self.site.feeds.values() if feed.rhythm.silent]

    def _check_sources(self, now_ms: int) -> None:
        for feed in self.site.feeds.values():
            gap = feed.rhythm.overdue(now_ms)
            if gap is not None:
                log.warning("source_silent", source=feed.source.name, silent_s=gap // 1000)
                self._announce.event("source_silent", source=feed.source.name, silent_s=gap // 1000)

    # -- the clock ------------------------------------------------------------------------------

    async def _check_clock(self, store: Store, pool: Executor) -> None:
        """Notice steps, and re-stamp what was stored before the clock was right."""
        offset = self._clock.now_ms() - self._clock.mono_ms()
        step, was_ok = offset - self._offset_ms, self._ingest.clock_ok
        ok = self._ingest.clock_ok = self._clock.ok()
        if abs(step) >= STEP_MS:
            self._offset_ms = offset
            log.warning("clock_stepped", step_ms=step, clock_ok=ok)
            self._journal.batch.counts["clock", "stepped"] += 1
        elif not ok:
            return
        if ok and not was_ok:
            await self._repair(store, pool, step)

    async def _repair(self, store: Store, pool: Executor, step: int) -> None:
        loop = asyncio.get_running_loop()
        await self._journal.committed()
        try:
            rows = await loop.run_in_executor(pool, store.repair_clock, self._clock.boot, step)
        except StoreError as error:
            log.warning("clock_repair_failed", error=str(error))
            return
        if rows:
            log.info("clock_repaired", rows=rows, step_ms=step)

    # -- the store ------------------------------------------------------------------------------

    async def _upkeep(self, store: Store, pool: Executor, now_ms: int) -> None:
        loop = asyncio.get_running_loop()
        call: Callable[[], object] = lambda: store.maintain(  # noqa: E731
            self._clock.now_ms(), self._ingest.clock_ok
        )
        try:
            done = await loop.run_in_executor(pool, call)
        except StoreError as error:
            log.warning("upkeep_failed", error=str(error))
            self._upkeep_due_ms = now_ms + UPKEEP_MS
            return
        dropped = dict(getattr(done, "dropped", {}))
        if dropped:
            log.info("rows_dropped", dropped={f"{k}:{r}": n for (k, r), n in dropped.items()})
        self._upkeep_due_ms = now_ms + (1_000 if getattr(done, "more", False) else UPKEEP_MS)

    def keep_all(self) -> None:
        """Store every unfinished calibration as it stands: the daemon is about to stop."""
        self._keep_calibrations(step=1)

    def _keep_calibrations(self, step: int | None = None) -> None:
        """Store a calibration while it is learnt, now and then, and when it is done."""
        for watch in self.site.watches.values():
            for model, state in watch.models.items():
                learnt = state.calibration
                if learnt is None:
                    continue
                key = calibration_key(watch.asset.id, model, state.hash)
                last = self._kept.get(key, 0)
                wait = learnt.rows // 10 if step is None else step
                if learnt.seen != last and (learnt.ready or learnt.seen - last >= wait):
                    self._kept[key] = learnt.seen
                    self._journal.batch.kept[key] = learnt.to_json()
                    self._journal.changed()

    # -- health ---------------------------------------------------------------------------------

    async def publish_health(self, store: Store, pool: Executor) -> None:
        """Publish the health document."""
        loop = asyncio.get_running_loop()
        health = await loop.run_in_executor(pool, store.health)
        counters = await loop.run_in_executor(pool, store.counters)
        parts: Document = {
            "problems": self.problems(),
            "brokers": {name: _link(link) for name, link in self._links.items()},
            "sources": {name: self._feed(feed) for name, feed in self.site.feeds.items()},
            "store": {
                "state": self._journal.trouble or health.state,
                "bytes": health.bytes,
                "free_disk_bytes": health.free_disk_bytes,
                "rows": health.rows,
            },
            "worker": {
                "state": self._inference.state,
                "restarts": self._inference.restarts,
                "rss_bytes": self._inference.rss_bytes,
            },
            "clock_ok": self._ingest.clock_ok,
            "counters": {f"{scope}/{reason}": n for (scope, reason), n in counters.items()},
        }
        document = topic_tree.health(self._state or self.state(), self._clock.now_ms(), parts)
        self._announce.health(document)

    def _feed(self, feed: Feed) -> Document:
        last = feed.rhythm.last_mono_ms
        return {
            "messages": feed.messages,
            "readings": feed.readings,
            "rejects": feed.rejects,
            "silent": feed.rhythm.silent,
            "bridge_online": feed.bridge_online,
            "offline": sorted(feed.offline),
            "last_s": None if last is None else (self._clock.mono_ms() - last) // 1000,
            "advice": list(feed.warnings),
        }


def _link(link: Link) -> Document:
    state = link.client.state
    return {
        "connected": state.connected,
        "protocol": state.protocol,
        "session_present": state.session_present,
        "error": state.last_error or None,
        "counters": dict(link.client.counters),
    }
