"""Beat: once a second the watchdog, upkeep, and the health document when it is due.

systemd is told that we live only when the pipeline moves: messages are taken, batches are committed
(or the store's trouble is known and shown), and due windows are judged.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.adapters import systemd
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.decide import Decide
from gateway.daemon.health import Health
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.pulse import Pulse, alive_text
from gateway.daemon.upkeep import Upkeep
from gateway.errors import StoreError

TICK_S: Final = 1.0
HEALTH_MS: Final = 30_000
STUCK_MS: Final = 30_000
"""Work that waits this long means that the pipeline does not move."""

log = structlog.get_logger()


class Beat:
    """Once a second."""

    def __init__(
        self,
        upkeep: Upkeep,
        health: Health,
        pulses: Mapping[str, Pulse],
        journal: Journal,
        ingest: Ingest,
        decide: Decide,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing has happened yet."""
        self._upkeep = upkeep
        self._health = health
        self._pulses = pulses
        self._journal = journal
        self._ingest = ingest
        self._decide = decide
        self._announce = announce
        self._clock = clock
        self._health_due_ms = 0
        self._state = ""
        self._progress = (-1, -1)
        self._progress_ms = clock.mono_ms()

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            for pulse in self._pulses.values():
                pulse.beat()
            await self._upkeep.look()
            if self._moves():
                systemd.watchdog()
            await self._show()

    def last(self) -> None:
        """The daemon is about to stop: nothing that was learnt may be lost."""
        self._upkeep.keep_calibrations(step=1)
        self._upkeep.keep_states()
        self._journal.batch.kept["daemon", "alive"] = alive_text(self._clock)

    def hurry(self) -> None:
        """The health document is due with the next beat."""
        self._health_due_ms = 0

    def _moves(self) -> bool:
        """Something was done, or there was nothing to do."""
        now_ms = self._clock.mono_ms()
        progress = (self._ingest.taken, self._journal.commits)
        waiting = not self._decide.idle or self._journal.waiting
        if progress != self._progress or not waiting or self._journal.trouble:
            self._progress, self._progress_ms = progress, now_ms
        return now_ms - self._progress_ms < STUCK_MS

    async def _show(self) -> None:
        now_ms, state = self._clock.mono_ms(), self._health.state
        if state != self._state:
            log.info(
                "gateway_changed",
                state=state,
                before=self._state,
                problems=self._health.problems(),
            )
            self._state = state
        elif now_ms < self._health_due_ms:
            return
        self._health_due_ms = now_ms + HEALTH_MS
        self._upkeep.keep_states()
        self._journal.batch.kept["daemon", "alive"] = alive_text(self._clock)
        self._journal.changed()
        try:
            store, counters = await self._upkeep.store_health()
        except StoreError as error:
            log.warning("health_failed", error=str(error))
            return
        self._announce.health(self._health.document(store, counters))
