"""Lives: a companion that is kept running, one life after another.

| when | then |
|---|---|
| one is wanted | it is started, and fed while it is heard |
| another one is wanted | this life is ended, the next one begins at once |
| none is wanted any more | this life is ended; it is ``off`` |
| it ends, cannot be started, or feeding it ends | it has died: it is begun anew after a rest |
| it dies again | the rest is twice as long, up to ``LONGEST_S`` |
| ``close`` | this life is ended, and none begins any more |

A feed or a word that raises ends ``run``, and so does who cancels it: no life outlasts ``run``.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from gateway.core.topic_tree import Document
from gateway.daemon.clock import Clock
from gateway.daemon.companion import Companion, Spec

FIRST_S: Final = 2.0
LONGEST_S: Final = 60.0
STEADY_S: Final = 60.0
"""One that lived so long is started anew without a long rest."""

Feed = Callable[[Companion], Coroutine[Any, Any, None]]
"""Tells it what it has to know. It is cancelled where it waits when the life is to end; when it
returns by itself, it has given up: the life ends."""
Hear = Callable[[Companion, bytes], None]
"""Takes one line that it says, its last words included."""


class Lives:
    """All lives of one companion; of two lives the second begins after the first has ended."""

    def __init__(self, module: str, clock: Clock, *, jitter: float = 0.0) -> None:
        """Nothing runs yet, and none is wanted.

        Args:
            module: the program, as ``python -m`` has it.
            clock: says how long it lived.
            jitter: up to this share of a rest is left out, so that a fleet does not come back at
                one moment.
        """
        self._module = module
        self._clock = clock
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._child: Companion | None = None
        self._closed = False
        self.wanted: Spec | None = None
        """What it is told at its start; None: there is to be none."""
        self.state = "off"
        """``starting`` until it is said to be ``running``; ``down`` while it rests."""
        self.restarts = 0
        self.failures = 0
        """Deaths in a row, the last one included, none of them after a long life."""
        self.error = ""
        """Why it died; empty once it runs, or is off."""

    def want(self, spec: Spec | None) -> bool:
        """Have it run with this spec, or with None not at all; False: so it is already."""
        if spec == self.wanted:
            return False
        self.wanted, self.failures = spec, 0
        self._changed.set()
        return True

    def up(self) -> None:
        """It was heard that it does what it is for."""
        self.state, self.error = "running", ""

    async def run(
        self,
        feed: Feed,
        hear: Hear,
        died: Callable[[str], None],
        off: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep it running while it is wanted, until ``close``.

        Args:
            feed: begins with each life.
            hear: is called while it lives, from its first word to its last.
            died: is told why, after all of that; ``state`` and ``failures`` are the new ones,
                ``error`` is that of the death before, if it has not worked in between.
            off: is called when it is no longer wanted and its last life has ended.
        """
        while not self._closed:
            self._changed.clear()
            if self.wanted is None:
                if self.state != "off":
                    self.state, self.error = "off", ""
                    off()
                await self._changed.wait()
                continue
            began_ms = self._clock.mono_ms()
            why = await self._live(self.wanted, feed, hear)
            if self._changed.is_set():  # it was ended: another one is wanted, or none
                continue
            lived_s = (self._clock.mono_ms() - began_ms) / 1000
            self.failures = 1 if lived_s > STEADY_S else self.failures + 1
            self.state, self.restarts = "down", self.restarts + 1
            died(why)
            self.error = why
            await self._rest()

    async def _live(self, spec: Spec, feed: Feed, hear: Hear) -> str:
        """One life, from its start to its last word; why it ended."""
        self.state = "starting"
        try:
            self._child = child = await Companion.start(spec, self._module)
        except OSError as error:
            return str(error)
        async with asyncio.TaskGroup() as works:
            hearing = works.create_task(_hearing(child, hear))
            feeding = works.create_task(feed(child))
            changing = works.create_task(self._changed.wait())
            try:
                ends = (hearing, feeding, changing)
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                feeding.cancel()
                changing.cancel()
                why = await child.ended()
                self._child = None
        return why

    async def _rest(self) -> None:
        """Wait before the next life, unless something else is wanted meanwhile."""
        share = 1 - self._jitter * random.random()  # noqa: S311 - jitter
        with suppress(TimeoutError):
            async with asyncio.timeout(rest_s(self.failures) * share):
                await self._changed.wait()

    async def close(self) -> None:
        """End it, within two seconds, and for good."""
        self._closed = True
        self._changed.set()
        if self._child is not None:
            await self._child.end()

    @property
    def rss_bytes(self) -> int:
        """Resident memory; 0 while it does not live."""
        return self._child.rss_bytes if self._child is not None else 0

    def document(self) -> Document:
        """What health says of it."""
        return {"state": self.state, "restarts": self.restarts, "rss_bytes": self.rss_bytes}


def rest_s(failures: int) -> float:
    """How long to rest after so many deaths in a row; no number of them is too large."""
    return min(LONGEST_S, FIRST_S * 2.0 ** (min(failures, 16) - 1))


async def _hearing(child: Companion, hear: Hear) -> None:
    async for line in child.lines():
        hear(child, line)
