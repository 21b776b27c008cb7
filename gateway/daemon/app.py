"""The daemon: start in order, run until told to stop, stop in the opposite order.

A task that fails takes the daemon with it, and so does a network thread that dies: systemd starts
it anew, and the broker delivers again what was not acknowledged.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import structlog

from gateway import __version__
from gateway.adapters import systemd
from gateway.config.settings import Settings
from gateway.core.interventions import Standing
from gateway.core.seen import MEMORY, Seen
from gateway.core.wishes import NAMES
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.audit import Audit, open_key
from gateway.daemon.beat import Beat
from gateway.daemon.calibrate import Calibrate
from gateway.daemon.clock import Clock, HeldClock
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.dressing import Dressing
from gateway.daemon.explain import Explain
from gateway.daemon.feedback import Feedback
from gateway.daemon.force import Force
from gateway.daemon.health import Health
from gateway.daemon.held import Held
from gateway.daemon.inference import Inference
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.links import Links
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.opening import history_of, open_store, worker_settings
from gateway.daemon.people import People
from gateway.daemon.periods import Periods
from gateway.daemon.permits import Permits
from gateway.daemon.promotion import Promotion
from gateway.daemon.pulse import alive_text, away_ms, make_pulses
from gateway.daemon.reload import Part, Reload
from gateway.daemon.requests import Requests
from gateway.daemon.restore import restore
from gateway.daemon.retained import Retained
from gateway.daemon.shadow import Shadow
from gateway.daemon.site import build
from gateway.daemon.telling import ROOMS, Telling
from gateway.daemon.upkeep import Upkeep
from gateway.daemon.versions import Versions
from gateway.errors import StoreError

WORKER_START_S: Final = 10.0
"""READY does not wait longer than this for the models; the ladder's other rungs work meanwhile."""
DRAIN_S: Final = 2.0

KEPT: Final = (
    *("versions", "version_history", "calibration", "calibration_period"),
    *("interventions", "answers", "daemon", "audit"),
)
"""Rooms of the store that the models and what people decided start from."""

Keep = Mapping[str, Mapping[str, str]]

log = structlog.get_logger()
T = TypeVar("T")


class Daemon:
    """One configuration, running."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is opened before ``run``."""
        self.settings = settings
        self.clock = HeldClock(clock)
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def run(self) -> None:
        """Run until ``stop`` is set.

        Raises:
            GatewayError: it cannot go on; the message says what to do.
        """
        self._store = await self._in_store(lambda: open_store(self.settings, self.clock))
        try:
            await self._wire()
            await self._serve()
        finally:
            try:
                await self._in_store(self._store.close)
            except StoreError as error:  # a full disk: the next start looks for damage, no more
                log.warning("store_close_failed", error=str(error))
            self._pool.shutdown(wait=True)

    async def _wire(self) -> None:
        """Make every part and take up what the store remembers."""
        settings, clock, store = self.settings, self.clock, self._store
        keep = {room: await self._in_store(partial(store.kept, room)) for room in (*KEPT, *ROOMS)}
        self._keep = keep
        dressing = Dressing(keep["calibration"])
        self._versions = Versions(keep["versions"], keep["version_history"], dressing, clock)
        fleet = self._versions.open(settings)
        self._inference = Inference(worker_settings(settings), self._versions)
        self.site = site = build(settings, fleet.active, clock)
        self._links = Links(settings, clock)
        links = self._links.by_name
        self._announce = announce = Announce(settings.base, links[settings.announce_broker], clock)
        self._journal = journal = Journal(
            store, self._pool, clock, announce.committed, settings.limits
        )
        announce.attach(journal, Retained(keep["retained"], journal))
        key = await asyncio.to_thread(open_key, settings)
        self._audit = Audit(settings, key, keep["audit"], journal, announce, clock)
        self._audit.started(store.opened)
        self._versions.attach(self._inference, journal, announce)
        self._versions.adopt(fleet, site)
        shadow = Shadow(site, self._inference, self._versions)
        sent = await self._in_store(partial(history_of, store, settings, clock))
        self._standing = Standing()
        permits = Permits(site, journal, clock, sent, self._standing)
        self._docket = Docket(links, journal, announce, permits, clock)
        self._act = Act(site, links, journal, announce, self._docket, permits, clock)
        self._explain = Explain(self._inference, journal, announce)
        looks = Maintenance(site, journal, announce)
        shown = (self._explain, looks, shadow)
        self._decide = Decide(
            site, self._inference, journal, self._act, *shown, announce, permits, clock
        )
        calibrate = Calibrate(site, keep["calibration"], journal, announce, clock)
        self._periods = Periods(site, calibrate, keep["calibration_period"], journal, clock)
        await self._wire_ingest(looks, (permits, shadow, calibrate, self._periods))
        self._wire_people(keep, permits)
        promotion = Promotion(self._versions, self._inference, journal, clock)
        self._requests.register("model", promotion.answer)
        self._requests.register("calibrate", calibrate.answer)
        self._requests.register("feedback", Feedback(settings, journal, announce).answer)

    def _wire_people(self, keep: Keep, permits: Permits) -> None:
        """Make what hears people; what they decided before holds again."""
        clock, journal = self.clock, self._journal
        self._held = Held(self.site, self._standing, journal, self._announce, clock)
        self._held.hurry = self._beat.hurry
        force = Force(self.site, self._act, self._docket, permits, self._explain, clock)
        people = People(self.site, self._held, force, journal, clock)
        people.restore(keep)
        self._reload.add(self._held, force, people)
        for name in NAMES:
            self._requests.register(name, people.answer, sets=True)

    async def _wire_ingest(self, looks: Maintenance, others: tuple[Part, ...]) -> None:
        """Make what takes messages, and what looks after everything."""
        settings, clock, store, site = self.settings, self.clock, self._store, self.site
        links, journal, announce = self._links.by_name, self._journal, self._announce
        seen = Seen(await self._in_store(lambda: store.recent_keys(MEMORY)))
        kept = await self._in_store(lambda: store.kept("daemon"))
        pulses = make_pulses(settings.base, links, clock, away_ms(kept.get("alive"), clock))
        journal.batch.kept["daemon", "alive"] = alive_text(clock)
        journal.changed()
        link = links[settings.announce_broker]
        self._requests = Requests(settings.base, site, link, announce, clock)
        self._ingest = Ingest(
            site, links, pulses, self._requests, journal, seen, self._docket, self._decide, clock
        )
        await self._in_store(lambda: restore(site, store, clock))
        self._act.restore(await self._in_store(store.open_commands))
        upkeep = Upkeep(site, journal, self._ingest, announce, looks, clock, store, self._pool)
        models = self._inference, looks, self._periods
        health = Health(site, links, pulses, journal, self._ingest, *models, self._standing, clock)
        health.audit = self._audit
        told = (self._versions, self._ingest.roll, journal, announce, clock)
        telling = Telling(site, self._keep, link, health, *told)
        self._ingest.others = self._audit.watch(link, telling.heard)
        self._beat = Beat(upkeep, health, pulses, journal, self._decide, announce, telling, clock)
        parts: tuple[Part, ...] = (
            *(self._act, self._decide, self._ingest, self._requests),
            *(*others, upkeep, health, looks, telling),
        )
        self._reload = Reload(site, parts, links, self._versions, announce, telling, clock)

    async def _serve(self) -> None:
        """Run all tasks until the first one fails or ``stop`` is set."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=name)
                for name, work in (
                    ("journal", self._journal.run()),
                    ("announce", self._announce.run(self._store, self._pool)),
                    ("inference", self._inference.run()),
                    ("decide", self._decide.run()),
                    ("explain", self._explain.run()),
                    ("docket", self._docket.run()),
                    ("requests", self._requests.run()),
                    ("held", self._held.run()),
                    ("audit", self._audit.run()),
                    ("periods", self._periods.run()),
                    ("beat", self._beat.run()),
                    ("connections", self._connections()),
                    ("threads", self._links.watch_threads()),
                )
            ]
            await self._worker_tried()
            # Not before the models are there: a rule's "normal" would clear what a model raised.
            tasks.append(group.create_task(self._timer(), name="timer"))
            tasks.append(group.create_task(self._ingest.run(self._links.wake), name="ingest"))
            for name, link in self._links.by_name.items():
                link.subscribe(self.site.subscriptions(name))
                link.client.start()
            log.info("gateway_started", version=__version__, gateway=self.settings.gateway_id)
            systemd.ready(f"{len(self.site.watches)} assets, {len(self._links.by_name)} brokers")
            tasks.append(group.create_task(self._reload.run(self.reload), name="reload"))
            await self.stop.wait()
            await self._shut_down()
            for task in tasks:
                task.cancel()
        log.info("gateway_stopped")

    async def _worker_tried(self) -> None:
        """Wait until the models are there, but neither for ever nor when we are to stop."""
        waits = [asyncio.ensure_future(e.wait()) for e in (self._inference.first, self.stop)]
        await asyncio.wait(waits, timeout=WORKER_START_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _shut_down(self) -> None:
        """Take what is here, judge it, commit it, acknowledge it, say goodbye."""
        systemd.stopping()
        log.info("gateway_stopping")
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._ingest.close()
                await self._decide.settled()
                await self._explain.settled()
                self._beat.last()
                self._audit.stopped()
                await self._journal.committed()
                if self._audit.sign():
                    await self._journal.committed()
                await self._announce.settled()
                await self._journal.committed()
        self._decide.close()
        await asyncio.gather(self._links.stop(), self._inference.close())

    async def _connections(self) -> None:
        """A broker is there: show what holds now, and send what waited."""
        while True:
            name = await self._links.connected.get()
            if name == self.settings.announce_broker:
                self._announce.on_connected()
                self._audit.show()
                for watch in self._reload.site.watches.values():
                    self._announce.asset(watch)
                self._beat.connected()
            await self._act.on_connected(name)

    async def _timer(self) -> None:
        """Close rows and decide fail-safes when their time is over."""
        while True:
            wait_ms = self._decide.next_ms()
            await asyncio.sleep(0.5 if wait_ms is None else min(wait_ms + 1, 500) / 1000)
            await self._decide.tick()

    async def _in_store(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)
