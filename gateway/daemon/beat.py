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
from gateway.daemon.health import Health, state_of
from gateway.daemon.journal import Journal
from gateway.daemon.pulse import Pulse, alive_text
from gateway.daemon.telling import Telling
from gateway.daemon.upkeep import Upkeep

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
        decide: Decide,
        announce: Announce,
        telling: Telling,
        clock: Clock,
    ) -> None:
        """Nothing has happened yet."""
        self.upkeep = upkeep
        self.health = health
        self._pulses = pulses
        self._journal = journal
        self._decide = decide
        self._announce = announce
        self._telling = telling
        self._clock = clock
        self._health_due_ms = 0
        self._state = ""
        self._problems = 0
        self._progress: dict[str, int] = {}
        self._moved_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            for pulse in self._pulses.values():
                pulse.beat()
            await self.upkeep.look()
            if self._moves():
                systemd.watchdog()
            problems = self.health.problems()
            await self._show(problems)
            self._telling.look(problems)

    def last(self) -> None:
        """The daemon is about to stop: nothing that was learnt may be lost."""
        self._telling.last()
        self.upkeep.last()
        self.upkeep.keep_states()
        self._journal.batch.kept["daemon", "alive"] = alive_text(self._clock)

    def hurry(self) -> None:
        """The health document is due with the next beat."""
        self._health_due_ms = 0

    def connected(self) -> None:
        """Our broker is there again: everything is due with the next beat."""
        self._telling.on_connected()
        self.hurry()

    def _moves(self) -> bool:
        """Every stage did something, or had nothing to do."""
        now_ms = self._clock.mono_ms()
        for name, (progress, waiting) in self._stages().items():
            if not waiting or progress != self._progress.get(name):
                self._progress[name], self._moved_ms[name] = progress, now_ms
        return now_ms - min(self._moved_ms.values()) < STUCK_MS

    def _stages(self) -> dict[str, tuple[int, bool]]:
        """How much each stage has done, and whether work waits for it.

        One that stands still is not excused by another that moves. Messages that are not taken wait
        for the journal. A store that refuses is told of, and trying again is all that can be done.
        """
        journal, decide = self._journal, self._decide
        return {
            "journal": (journal.commits, journal.waiting and not journal.trouble),
            "decide": (decide.judged, not decide.idle),
        }

    async def _show(self, problems: list[str]) -> None:
        now_ms = self._clock.mono_ms()
        state, more = state_of(problems), len(problems) != self._problems
        self._problems = len(problems)
        if state != self._state:
            log.info("gateway_changed", state=state, before=self._state, problems=problems)
            self._state = state
        elif now_ms < self._health_due_ms and not more:
            return
        self._health_due_ms = now_ms + HEALTH_MS
        self.upkeep.keep_states()
        self._journal.batch.kept["daemon", "alive"] = alive_text(self._clock)
        self._journal.changed()
        store, counters = await self.upkeep.store_health()
        document = self.health.document(store, counters)
        self._announce.health(document)
        self._telling.tidings.health(document)
