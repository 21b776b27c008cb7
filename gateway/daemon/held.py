"""Held: what people decided that holds now, recorded, shown, and ended in time.

It is kept in the store's room ``interventions`` and holds again after a restart.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from gateway.core import interventions_told
from gateway.core.audit import Kind as Recorded
from gateway.core.audit import Record
from gateway.core.interventions import GATEWAY, Alive, Intervention, Key, Kind, Standing, resume
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site, ids

LOOK_S: Final = 1.0
"""How often it is looked for what is over: the loop's own clock sleeps with the machine."""

log = structlog.get_logger()


class Held:
    """What stands, of one site."""

    def __init__(
        self, site: Site, standing: Standing, journal: Journal, announce: Announce, clock: Clock
    ) -> None:
        """Nobody decided anything."""
        self.standing = standing
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self.hurry: Callable[[], None] = lambda: None
        """The health document is due."""
        self.heard: Callable[[str], None] = lambda _asset: None
        """Told the asset of what a person did, empty: of all."""
        self.site = site

    @property
    def site(self) -> Site:
        """Whose assets people decide about."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        for watch in site.watches.values():
            watch.policy.standing = self.standing

    def put(self, one: Intervention) -> None:
        """Let it hold."""
        before = self.standing.put(one)
        self._keep(one)
        self.record(one, "began", replaced=before.id if before else None)
        if one.kind is Kind.ACKNOWLEDGE:
            self._show_alert(one)

    def adopt(self, one: Intervention, mono_ms: int) -> None:
        """Let hold what another gateway of the fleet was told, since a time of our clock."""
        self.put(replace(one, mono_ms=mono_ms, boot=self._clock.boot))
        self.show(one.asset)

    def end(self, key: Key, **more: object) -> bool:
        """Let it hold no more; False when it did not."""
        one = self.standing.end(key)
        if one is not None:
            self._ended(one, "ended", **more)
        return one is not None

    def told(self, one: Intervention) -> dict[str, object]:
        """What an answer says of it."""
        clock = self._clock
        shown = interventions_told.shown(one, clock.now_ms(), clock.mono_ms())
        return {"id": one.id} | (shown or {})

    def record(self, one: Intervention, change: str, **more: object) -> None:
        """A row of the audit chain, an event for subscribers and a line in the log."""
        body = interventions_told.body(one, change, **more)
        if one.kind is not Kind.ACKNOWLEDGE and change in ("began", "ended", "forced"):
            self.heard(one.asset)
        record = Record(Recorded.INTERVENTION, one.asset or "gateway", body)
        self._journal.batch.records.append(record)
        self._journal.changed()
        self._announce.event("intervention_changed", **body)
        log.info("intervention_changed", **body)

    def show(self, asset: str) -> None:
        """Subscribers see what holds now."""
        watches = self._site.watches
        for watch in watches.values() if asset == GATEWAY else (watches.get(asset),):
            if watch is not None:
                self._announce.asset(watch)
        if asset == GATEWAY:
            self.hurry()

    def _show_alert(self, one: Intervention) -> None:
        """Subscribers of an alert see who has seen it, or that nobody has any more."""
        watch = self._site.watches.get(one.asset)
        if watch is not None and any(alert.id == one.value for alert in watch.policy.alerts()):
            self._announce.alert(watch)

    def _keep(self, one: Intervention) -> None:
        kept = interventions_told.kept_key(one)
        self._journal.batch.kept["interventions", kept] = interventions_told.to_json(one)
        self._journal.changed()

    def _ended(self, one: Intervention, change: str, **more: object) -> None:
        self._journal.batch.kept["interventions", interventions_told.kept_key(one)] = None
        self.record(one, change, **more)
        if one.kind is Kind.ACKNOWLEDGE:
            self._show_alert(one)

    # -- in time --------------------------------------------------------------------------------

    async def run(self) -> None:
        """End what is over, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """End what is over, and acknowledgements of alerts that are."""
        ended = [(one, "expired") for one in self.standing.expired(self._clock.mono_ms())]
        for one in self.standing:
            if one.kind is Kind.ACKNOWLEDGE and not self._raised(one):
                self.standing.end(one.key)
                ended.append((one, "cleared"))
        for one, change in ended:
            self._ended(one, change)
        for asset in {one.asset for one, _ in ended}:
            self.show(asset)

    def _raised(self, one: Intervention) -> bool:
        """The alert that was acknowledged holds still; of an asset that is not there, it may."""
        watch = self._site.watches.get(one.asset)
        return watch is None or any(alert.id == one.value for alert in watch.policy.alerts())

    def restore(self, kept: Mapping[str, str], alive: Alive | None) -> None:
        """Take up what held when the daemon stopped."""
        clock = self._clock
        for key, text in kept.items():
            try:
                one = interventions_told.from_json(text)
            except (ValueError, TypeError, KeyError) as error:
                self._unread(key, str(error))
                continue
            passed_ms = clock.now_ms() - one.at_ms
            known = clock.ok() and one.clock_ok and passed_ms >= 0
            again = resume(one, clock.boot, clock.mono_ms(), alive, passed_ms if known else None)
            if again is None:
                self._ended(one, "expired")
                continue
            self.standing.put(again)
            if again != one:
                self._keep(again)
            log.info("intervention_resumed", **interventions_told.body(again, "resumed"))

    def _unread(self, key: str, why: str) -> None:
        """Nobody knows what a person wanted: then nothing is commanded until one says so."""
        clock = self._clock
        log.error("intervention_unreadable", key=key, error=why)
        self._journal.batch.kept["interventions", key] = None
        stop = Intervention(
            id=ids(clock)(),
            kind=Kind.STOP,
            asset=GATEWAY,
            author="gateway",
            reason="what a person decided could not be read after a restart",
            at_ms=clock.now_ms(),
            mono_ms=clock.mono_ms(),
            boot=clock.boot,
            clock_ok=clock.ok(),
        )
        self.put(stop)
