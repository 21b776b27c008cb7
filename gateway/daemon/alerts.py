"""Alerts: people are told beyond MQTT, and nothing waits for it.

What is to be told is kept in the store (room ``alerts``) with what it tells about, until it has
arrived or was given up: a gateway that is killed tells it after its next start, maybe twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from gateway.adapters.alert_child import addresses
from gateway.adapters.alerts import Courier, Parcel
from gateway.core import alerts
from gateway.core.alerts import Kind, Letter, Notice, Pending, Route
from gateway.core.commands import Command
from gateway.core.verdicts import Decision
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site

ROOM: Final = "alerts"
"""Room of the store: file and line of an address -> what waits for it, as JSON."""
SECURITY: Final = ("security", "request_refused", "audit_broken")
"""What the kinds of events begin with that people are told as ``security``: somebody who retained a
command, too."""

log = structlog.get_logger()


class Alerts:
    """The routes of a file."""

    def __init__(
        self, kept: Mapping[str, str], journal: Journal, announce: Announce, clock: Clock
    ) -> None:
        """``kept``: what the store holds of the room."""
        self._kept = dict(kept)
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._courier = Courier(self._called)
        self._pending: dict[str, Pending] = {}
        self._fresh: dict[str, bool] = {}
        self._names: Mapping[str, str] = {}
        self._gateway = ""
        self.also: Callable[[Notice], None] = lambda _notice: None
        """Told of every notice, whoever else is."""
        self.failing: dict[str, str] = {}
        """Route -> why its last letter did not arrive; for the problems in health."""

    def adopt(self, site: Site) -> None:
        """Take the routes of a file; what waits for an address that stays goes on waiting."""
        settings, mono_ms = site.settings, self._clock.mono_ms()
        self._gateway = settings.gateway_name
        self._names = {asset.id: asset.name for asset in settings.assets.values()}
        before, self._pending = self._pending, {}
        self.failing.clear()
        for new in _pendings(settings.alerts):
            pending = before.pop(new.key, new)
            pending.route = new.route
            if new.key in self._kept:
                pending.restore(self._kept[new.key], mono_ms)
            self._pending[new.key] = pending
        for key in (before.keys() | self._kept.keys()) - self._pending.keys():
            self._journal.batch.kept[ROOM, key] = None
            self._journal.changed()
        self._kept.clear()

    # -- what is heard --------------------------------------------------------------------------

    def decision(self, made: Decision) -> None:
        """A policy was raised or cleared, or the fail-safe reached."""
        self._take(alerts.of_decision(made, alerts.named(self._names, made.asset)))

    def command(self, order: Command) -> None:
        """A command ended, maybe badly."""
        name = alerts.named(self._names, order.asset)
        self._take(alerts.of_command(order, name, self._clock.now_ms()))

    def fresh(self, asset: str, *, fresh: bool) -> None:
        """An asset fell silent, or is back; how it is at the start is no news."""
        before = self._fresh.get(asset)
        self._fresh[asset] = fresh
        if before is None or before is fresh:
            return
        name = alerts.named(self._names, asset)
        text = f"{name}: is heard again" if fresh else f"{name}: nothing fresh is known"
        self._take(Notice(Kind.OFFLINE, text, self._clock.now_ms(), asset))

    def event(self, kind: str, keys: Mapping[str, object]) -> None:
        """Something happened to the gateway: some of it is for people."""
        now_ms = self._clock.now_ms()
        if kind == "source_silent":
            text = f"source {keys['source']} is silent for {keys['silent_s']} s"
            self._take(Notice(Kind.OFFLINE, text, now_ms))
        elif kind == "safe_mode_entered":
            why = str(keys["error"]).partition("\n")[0]
            text = f"safe mode: nothing is commanded, the configuration is wrong: {why}"
            self._take(Notice(Kind.OFFLINE, text[:300], now_ms))
        elif kind == "safe_mode_left":
            text = "safe mode is over: the configuration is right, commands are given again"
            self._take(Notice(Kind.OFFLINE, text, now_ms))
        elif kind.startswith(SECURITY):
            about = ", ".join(f"{key} {value}" for key, value in keys.items())
            self._take(Notice(Kind.SECURITY, f"{kind}: {about}"[:300], now_ms))

    def _take(self, notice: Notice | None) -> None:
        if notice is None:
            return
        self.also(notice)
        for pending in self._pending.values():
            if alerts.wanted(pending.route, notice):
                dropped = pending.add(notice, self._clock.mono_ms())
                self._count(pending, "dropped", dropped)
                self._keep(pending)

    # -- sending --------------------------------------------------------------------------------

    def look(self) -> None:
        """Once a second: send what is due."""
        mono_ms = self._clock.mono_ms()
        for pending in self._pending.values():
            letter = pending.letter(mono_ms, self._gateway)
            if letter is not None:
                self._send(pending, letter)

    def _send(self, pending: Pending, letter: Letter) -> None:
        route = pending.route
        parcel = Parcel(pending.key, route.to_file, pending.line, letter.title, letter.body)
        if not self._courier.send(parcel):
            self._arrived(pending.key, "too many letters wait")

    def _called(self, key: str, error: str) -> None:
        """Called from the courier's thread; the loop may be gone when the daemon ends."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrived, key, error)

    def _arrived(self, key: str, error: str) -> None:
        """A letter arrived, or did not."""
        pending = self._pending.get(key)
        if pending is None:
            return  # the file was changed meanwhile
        mono_ms, name = self._clock.mono_ms(), pending.route.name
        if not error:
            told = pending.delivered(mono_ms)
            self.failing.pop(name, None)
            self._count(pending, "sent", told)
            log.info("alert_sent", route=name, address=pending.line + 1, notices=told)
        else:
            lost = pending.failed(mono_ms)
            self.failing[name] = error
            self._count(pending, "dropped", lost)
            self._count(pending, "failed", 1)
            log.warning(
                "alert_failed", route=name, address=pending.line + 1, error=error, dropped=lost
            )
            if lost:
                self._announce.event("alerts_dropped", route=name, notices=lost, error=error)
        self._keep(pending)

    def _count(self, pending: Pending, what: str, count: int) -> None:
        if count:
            self._journal.batch.counts[pending.route.name, what] += count

    def _keep(self, pending: Pending) -> None:
        """Store what waits; nothing is stored of who waits for nothing."""
        text = pending.to_json() if pending.notices or pending.lost else None
        self._journal.batch.kept[ROOM, pending.key] = text
        self._journal.changed()


def _pendings(routes: tuple[Route, ...]) -> Iterator[Pending]:
    """One for each address; of a file that cannot be read, one that says so when it is used."""
    for route in routes:
        try:
            count = max(1, len(addresses(Path(route.to_file))))
        except OSError as error:
            log.error("alerts_unreadable", route=route.name, error=str(error))
            count = 1
        for line in range(count):
            yield Pending(route, line)
