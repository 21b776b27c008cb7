"""Sync: the daemon's side of the process that tells the clouds.

It is started where the file has ``cloud.sync``, begun anew when that changes or when it dies, and
never waited for. What it says of itself goes into health; what is news goes out as events.
"""

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import structlog

from gateway.core import topic_tree
from gateway.core.topic_tree import Document
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.companion import Companion
from gateway.daemon.site import Site
from gateway.daemon.sync_lanes import Lanes
from gateway.daemon.sync_spec import spec_of
from gateway.daemon.tidings import Tidings
from gateway.sync.spec import Spec

MODULE: Final = "gateway.sync"
FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0
STEADY_S: Final = 60.0
"""A process that lived so long is started anew without a long wait."""
LOOK_S: Final = 1.0
SHOW_MS: Final = 2_000

log = structlog.get_logger()


class Sync:
    """The clouds of a file."""

    def __init__(self, site: Site, tidings: Tidings, announce: Announce, clock: Clock) -> None:
        """Nothing runs yet."""
        self._tidings = tidings
        self._announce = announce
        self._clock = clock
        self._changed = asyncio.Event()
        self._child: Companion | None = None
        self._closed = False
        self._spec: Spec | None = None
        self._taken: Mapping[str, int] = {}
        self._shown_ms = 0
        self.lanes = Lanes()
        self.state = "off"
        self.restarts = 0
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file says which clouds there are."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        spec = spec_of(site.settings)
        if spec != self._spec:
            self._tidings.adopt(sink.choice for sink in site.settings.sync.values())
            self.lanes = Lanes()
            self._spec = spec
            self._changed.set()

    # -- running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the process running while it is wanted."""
        failures = 0
        while not self._closed:
            self._changed.clear()
            spec = self._spec
            if spec is None:
                if self.state != "off":
                    self.state = "off"
                    self._show()
                await self._changed.wait()
                continue
            started_ms = self._clock.mono_ms()
            why = await self._serve(spec)
            if self._changed.is_set():  # ended because another one is wanted, or none
                failures = 0
                continue
            lived_s = (self._clock.mono_ms() - started_ms) / 1000
            failures = 1 if lived_s > STEADY_S else failures + 1
            self._died(why, again=failures == 1)
            wait_s = min(LONGEST_S, FIRST_S * 2**failures) * (0.5 + random.random() / 2)  # noqa: S311 - jitter
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _serve(self, spec: Spec) -> str:
        """One life of the process; why it ended."""
        self.state = "starting"
        try:
            self._child = child = await Companion.start(spec, MODULE)
        except OSError as error:
            return str(error)
        watch = asyncio.create_task(self._watch(child), name="sync_watch")
        try:
            async for line in child.lines():
                self._hear(line)
        finally:
            watch.cancel()
            self._child = None
        return await child.ended()

    async def _watch(self, child: Companion) -> None:
        """Tell it about the clock, and end it when another one is wanted."""
        told: bool | None = None
        while not self._changed.is_set():
            self.look()
            if told != self._clock.ok():
                told = self._clock.ok()
                child.tell({"clock_ok": told})
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
        await child.end()

    def _died(self, why: str, *, again: bool) -> None:
        self.state, self.restarts = "down", self.restarts + 1
        log.error("sync_process_died", error=why)
        self._show()
        if again:
            self._announce.event("sync_process_died", error=why)

    def _hear(self, line: bytes) -> None:
        """Something it says; what cannot be read is not its own."""
        try:
            told: Any = json.loads(line)
        except ValueError:
            log.warning("sync_process_spoke", text=line[:300].decode(errors="replace"))
            return
        if "event" in told:
            self._heard(str(told.pop("event")), told)
            return
        self.state = "running"
        self.lanes.take(told["lanes"], self._clock.mono_ms())
        if self._clock.mono_ms() >= self._shown_ms + SHOW_MS:
            self._show()
        taken = self.lanes.taken(self._site.settings.sync)
        if taken != self._taken:
            self._taken = taken
            self._tidings.taken(taken)

    def _heard(self, change: str, told: Document) -> None:
        """A lane has news."""
        log.info("sync_changed", change=change, **told)
        if change == "sync_rows_refused":
            self.lanes.refuse(str(told["sink"]), int(str(told["rows"])), str(told["reason"]))
        elif change == "sync_cursor_moved":
            self._announce.event("sync_cursor_moved", **told)
        elif change == "sync_stream_began":
            self._announce.event("sync_stream_began", **told)

    def _show(self) -> None:
        """Its own topic: health comes too seldom to follow a backlog."""
        self._shown_ms = self._clock.mono_ms()
        self._announce.now("sync", topic_tree.head(self._clock.now_ms()) | self.document())

    def look(self) -> None:
        """Which clouds have been out of reach for so long that it is news."""
        for sink, error in self.lanes.news(self._clock.mono_ms()):
            if error:
                log.warning("sync_sink_unavailable", sink=sink, error=error)
                self._announce.event("sync_sink_unavailable", sink=sink, error=error)
            else:
                log.info("sync_recovered", sink=sink)
                self._announce.event("sync_recovered", sink=sink)
        for sink, (rows, reason) in self.lanes.refusals(self._clock.mono_ms()):
            self._announce.event("sync_rows_refused", sink=sink, rows=rows, reason=reason)

    def on_connected(self) -> None:
        """Our broker is there again."""
        self._show()

    async def close(self) -> None:
        """End it, within two seconds."""
        self._closed = True
        self._changed.set()
        child = self._child
        if child is not None:
            await child.end()

    # -- what is said of it ---------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What works less than it should."""
        found = [f"sync {sink}: {error}" for sink, error in self.lanes.unavailable.items()]
        return [*found, "sync: its process is down"] if self.state == "down" else found

    def document(self) -> Document:
        """For the health document."""
        sinks: Mapping[str, Document] = self.lanes.documents()
        rss = self._child.rss_bytes if self._child is not None else 0
        return {"state": self.state, "restarts": self.restarts, "rss_bytes": rss, "sinks": sinks}
