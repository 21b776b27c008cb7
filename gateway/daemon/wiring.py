"""Wiring: every part of the daemon, made and shown to the others, in the order they need.

What the store remembers is taken up here; nothing runs yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Final, TypeVar

from gateway.config.settings import Settings
from gateway.core.interventions import Standing
from gateway.core.seen import MEMORY, Seen
from gateway.core.wishes import NAMES
from gateway.daemon import safe_mode
from gateway.daemon.absence import Absence
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.audit import Audit, open_key
from gateway.daemon.beat import Beat
from gateway.daemon.calibrate import Calibrate
from gateway.daemon.clock import HeldClock
from gateway.daemon.clouds import ROOM as INFERENCE
from gateway.daemon.clouds import Clouds
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.dressing import Dressing
from gateway.daemon.enlisting import enlist
from gateway.daemon.errands import Errands
from gateway.daemon.explain import Explain
from gateway.daemon.feedback import Feedback
from gateway.daemon.force import Force
from gateway.daemon.foreman import Foreman
from gateway.daemon.forget import Forget
from gateway.daemon.guard import Guard
from gateway.daemon.health import Health
from gateway.daemon.held import Held
from gateway.daemon.inference import Inference
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.last_orders import LastOrders
from gateway.daemon.links import Links
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.opening import history_of, recent_decisions
from gateway.daemon.outbox import Outbox
from gateway.daemon.page import Page
from gateway.daemon.people import People
from gateway.daemon.periods import Periods
from gateway.daemon.permits import Permits
from gateway.daemon.promotion import Promotion
from gateway.daemon.pulse import alive_text, away_ms, make_pulses
from gateway.daemon.reload import Part, Reload
from gateway.daemon.requests import Requests
from gateway.daemon.restore import restore
from gateway.daemon.retained import Retained
from gateway.daemon.retry import Retry
from gateway.daemon.shadow import Shadow
from gateway.daemon.site import build
from gateway.daemon.sync import Sync
from gateway.daemon.telling import ROOMS, Telling
from gateway.daemon.traffic import ROOM as TRAFFIC
from gateway.daemon.traffic import Traffic, resident
from gateway.daemon.updates import Updates
from gateway.daemon.upkeep import Upkeep
from gateway.daemon.versions import Versions
from gateway.daemon.ward import ROOM as QUARANTINE
from gateway.daemon.wills import ROOM, Wills
from gateway.store.writer import Store

KEPT: Final = (
    *("versions", "version_history", "calibration", "calibration_period"),
    *("interventions", "answers", "daemon", "audit", QUARANTINE, TRAFFIC, INFERENCE),
)
"""Rooms of the store that the models and what people decided start from."""

T = TypeVar("T")


class Wiring:
    """The parts of one configuration. ``make`` makes them; the daemon runs them."""

    def __init__(self, settings: Settings, clock: HeldClock, store: Store, pool: Executor) -> None:
        """``pool`` has one thread, the only one that touches ``store``."""
        self._settings = settings
        self._clock = clock
        self._store = store
        self._pool = pool

    async def make(self, foreman: Foreman) -> None:
        """Make every part and take up what the store remembers."""
        kept, rooms = self._store.kept, (*KEPT, *ROOMS)
        self._keep = {one: await self._in_store(partial(kept, one)) for one in rooms}
        self._make_models(foreman)
        await self._make_records()
        permits = await self._make_acting()
        looks, shadow = self._make_judging(permits)
        calibrate, away = self._make_calibrations(), await self._make_ingest()
        self._make_health(looks, (permits, shadow, calibrate, self.periods))
        shown = (self.site, self.standing, self._link, self.requests, self.reload, self.announce)
        self.last_good = safe_mode.begin(*shown, self.beat.hurry, self._clock)
        self._make_people(permits)
        await self._make_absence(permits, away)
        self._make_fleet(permits)
        site, health, told = self.site, self.beat.health, (self.journal, self.announce)
        promotion = Promotion(self._versions, self.inference, self.journal, self._clock)
        self.requests.register("model", promotion.answer)
        known = (site, self._versions, *told, health.problems, self._clock)
        self.updates = health.updates = Updates(*known)
        self.requests.register("calibrate", calibrate.answer)
        self.requests.register("feedback", Feedback(self._settings, *told).answer)
        heard, stored = self.ingest.uplinks.roll, (*told, self._store, self._pool)
        self.forget = Forget(site, self.guard, heard, *stored)
        self.requests.register("forget", self.forget.answer)
        self.page = health.page = Page(site, self.requests, self.announce, self._clock)
        self.reload.add(self.updates, self.forget, self.page)

    def _make_models(self, foreman: Foreman) -> None:
        settings, clock, keep = self._settings, self._clock, self._keep
        dressing = Dressing(keep["calibration"])
        self._versions = Versions(keep["versions"], keep["version_history"], dressing, clock)
        self._fleet = self._versions.open(settings)
        self.inference = Inference(foreman, self._versions)
        self.site = build(settings, self._fleet.active, clock)
        self.inference.resident = resident(self.site)

    async def _make_records(self) -> None:
        """What is stored, published and chained."""
        settings, clock, keep = self._settings, self._clock, self._keep
        self.links = Links(settings, clock)
        self._link = self.links.by_name[settings.announce_broker]
        self.announce = announce = Announce(settings.base, self._link, clock)
        self.outbox = outbox = Outbox(self._link)
        stored = (self._store, self._pool, clock, outbox.committed)
        self.journal = journal = Journal(*stored, settings.limits)
        retained = Retained(keep["retained"], journal)
        announce.attach(journal, retained)
        outbox.attach(journal, retained)
        key = await asyncio.to_thread(open_key, settings)
        self.audit = Audit(settings, key, keep["audit"], journal, announce, clock)
        self.audit.started(self._store.opened)
        self._versions.attach(self.inference, journal, announce)
        self._versions.adopt(self._fleet, self.site)

    async def _make_acting(self) -> Permits:
        site, journal, clock = self.site, self.journal, self._clock
        sent = await self._in_store(partial(history_of, self._store, self._settings, clock))
        self.standing = Standing()
        permits = Permits(site, journal, clock, sent, self.standing)
        told = (self.links.by_name, journal, self.announce)
        self.docket = Docket(*told, permits, clock)
        self.act = Act(site, *told, self.docket, permits, clock)
        return permits

    def _make_judging(self, permits: Permits) -> tuple[Maintenance, Shadow]:
        site, journal, announce = self.site, self.journal, self.announce
        shadow = Shadow(site, self.inference, self._versions)
        self.explain = Explain(self.inference, journal, announce)
        looks = Maintenance(site, journal, announce)
        self.clouds = Clouds(site, self.links.by_name, self._keep[INFERENCE], journal, self._clock)
        self.errands = Errands(site, self.clouds, self._clock)
        shown = (self.explain, looks, shadow, announce, permits, self.errands, self._clock)
        self.decide = Decide(site, self.inference, journal, self.act, *shown)
        return looks, shadow

    def _make_calibrations(self) -> Calibrate:
        site, keep, journal, clock = self.site, self._keep, self.journal, self._clock
        calibrate = Calibrate(site, keep["calibration"], journal, self.announce, clock)
        self.periods = Periods(site, calibrate, keep["calibration_period"], journal, clock)
        return calibrate

    async def _make_ingest(self) -> int:
        """What takes messages; for how long there was nobody to take them [ms]."""
        site, clock, store, journal = self.site, self._clock, self._store, self.journal
        links, base = self.links.by_name, self._settings.base
        seen = Seen(await self._in_store(lambda: store.recent_keys(MEMORY)))
        away = away_ms(self._keep["daemon"].get("alive"), clock)
        self.pulses = make_pulses(base, links, clock, away)
        journal.batch.kept["daemon", "alive"] = alive_text(clock)
        journal.changed()
        self.requests = Requests(base, site, self._link, self.announce, clock)
        heard = (self.pulses, self.requests, journal, seen)
        self.guard = Guard(site, self.pulses, journal, self.announce, clock)
        self.guard.ward.restore(self._keep[QUARANTINE])
        self.requests.register("quarantine", self.guard.ward.answer)
        self.ingest = Ingest(site, links, *heard, self.docket, self.decide, self.guard, clock)
        await self._in_store(lambda: restore(site, store, clock))
        for watch in filter(lambda one: one.policy.lost, site.watches.values()):
            self.announce.alert(watch)
        self.act.restore(await self._in_store(store.open_commands))
        return away

    def _make_health(self, looks: Maintenance, others: tuple[Part, ...]) -> None:
        """What looks after everything."""
        site, clock, journal, announce = self.site, self._clock, self.journal, self.announce
        links, ingest = self.links.by_name, self.ingest
        kept = (clock, self._store, self._pool)
        upkeep = Upkeep(site, journal, ingest, announce, looks, self.guard, *kept)
        models = self.inference, looks, self.periods
        health = Health(site, links, self.pulses, journal, ingest, *models, self.standing, clock)
        self.traffic = Traffic(site, links, self.inference, journal, announce, clock)
        self.traffic.restore(self._keep[TRAFFIC])
        health.audit, health.guard = self.audit, self.guard
        health.traffic, health.clouds = self.traffic, self.clouds
        told = (self._versions, ingest.uplinks.roll, journal, announce, clock)
        telling = Telling(site, self._keep, self._link, health, *told)
        self.sync = health.sync = Sync(site, telling.tidings, announce, clock)
        ingest.others = self.clouds.hear(self.audit.watch(self._link, telling.heard))
        shown = (announce, telling, clock)
        self.beat = Beat(upkeep, health, self.pulses, journal, self.decide, *shown)
        parts: tuple[Part, ...] = (
            *(self.clouds, self.errands, self.act, self.decide, ingest, self.requests),
            *(*others, upkeep, health, looks, telling, self.guard, self.traffic, self.sync),
        )
        self.reload = Reload(site, parts, links, self._versions, announce, telling, clock)

    def _make_people(self, permits: Permits) -> None:
        """What hears people; what they decided before holds again."""
        clock, journal, site = self._clock, self.journal, self.site
        self.held = Held(site, self.standing, journal, self.announce, clock)
        self.held.hurry = self.beat.hurry
        force = Force(site, self.act, self.docket, permits, self.explain, clock)
        people = People(site, self.held, force, journal, clock)
        people.restore(self._keep)
        self.retry = Retry(site, self.act, self.docket, clock)
        self.act.commanded, self.docket.on_end = self.retry.commanded, self.retry.ended
        self.held.heard = self.retry.intervened
        self.last_orders = LastOrders(site, self.decide, self.docket, self.retry)
        self.reload.add(self.held, force, people, self.retry, self.last_orders)
        for name in NAMES:
            self.requests.register(name, people.answer, sets=True)

    async def _make_absence(self, permits: Permits, away: int) -> None:
        """What was done while the gateway was dead, and what is left for the next time."""
        site, journal, clock = self.site, self.journal, self._clock
        kept = await self._in_store(partial(self._store.kept, ROOM))
        self.absence = Absence(site, self.act, self.docket, journal, self.announce, clock)
        known = await self._in_store(partial(recent_decisions, self._settings))
        self.absence.take_up(kept, away, known)
        self.wills = Wills(site, permits, journal, clock, kept)

    def _make_fleet(self, permits: Permits) -> None:
        """What tells whose assets are ours, where there are several gateways."""
        told = (self.requests, self.last_orders, self.beat.health, self.journal, self.announce)
        acts = (self.act, self.docket, permits, self.explain, self.held)
        self.standby = enlist(self.site, self.standing, *acts, *told, self._clock)
        self.reload.add(self.wills, *[self.standby] if self.standby else [])

    def _in_store(self, call: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, call)
