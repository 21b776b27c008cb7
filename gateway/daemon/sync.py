"""Sync: the daemon's side of the process that tells the clouds.

It runs where the file has ``cloud.sync``, begins anew when that changes, and is never waited for.
What it says of itself goes into health; what is news goes out as events.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from gateway.core import topic_tree
from gateway.core.topic_tree import Document
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.companion import Companion
from gateway.daemon.lives import Lives
from gateway.daemon.site import Site
from gateway.daemon.sync_lanes import Lanes
from gateway.daemon.sync_spec import spec_of
from gateway.daemon.tidings import Tidings

MODULE: Final = "gateway.sync"
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
        self.lives = Lives(MODULE, clock, jitter=0.5)
        self._taken: Mapping[str, int] = {}
        self._shown_ms = 0
        self.lanes = Lanes()
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file says which clouds there are."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        if self.lives.want(spec_of(site.settings)):
            self._tidings.adopt(sink.choice for sink in site.settings.sync.values())
            self.lanes = Lanes()

    # -- running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the process running while it is wanted."""
        await self.lives.run(self._feed, self._hear, self._died, self._show)

    async def _feed(self, child: Companion) -> None:
        """Tell it about the clock, and look after its lanes."""
        told: bool | None = None
        while True:
            self.look()
            if told != self._clock.ok():
                told = self._clock.ok()
                child.tell({"clock_ok": told})
            await asyncio.sleep(LOOK_S)

    def _died(self, why: str) -> None:
        log.error("sync_process_died", error=why)
        self._show()
        if self.lives.failures == 1:
            self._announce.event("sync_process_died", error=why)

    def _hear(self, _child: Companion, line: bytes) -> None:
        """Something it says; what cannot be read is not its own."""
        try:
            told: Any = json.loads(line)
        except ValueError:
            log.warning("sync_process_spoke", text=line[:300].decode(errors="replace"))
            return
        if "event" in told:
            self._heard(str(told.pop("event")), told)
            return
        self.lives.up()
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
        await self.lives.close()

    # -- what is said of it ---------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What works less than it should."""
        found = [f"sync {sink}: {error}" for sink, error in self.lanes.unavailable.items()]
        return [*found, "sync: its process is down"] if self.lives.state == "down" else found

    def document(self) -> Document:
        """For the health document."""
        sinks: Mapping[str, Document] = self.lanes.documents()
        return {**self.lives.document(), "sinks": sinks}
