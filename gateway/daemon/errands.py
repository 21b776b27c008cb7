"""Errands: questions to clouds, asked beside the walk down the ladders, never waited for.

An asset has at most one question open. While it has, its other turns end where they come to a
cloud; rules above it, and guards, are judged as ever, and a verdict that comes meanwhile overtakes
the answer. An answer counts only before its deadline.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.core.oip import Said
from gateway.core.questions import Remote
from gateway.core.remote import told
from gateway.core.verdicts import Verdict
from gateway.daemon.clock import Clock
from gateway.daemon.cloud import Cloud
from gateway.daemon.clouds import Clouds
from gateway.daemon.site import Site
from gateway.daemon.walk import Going

MOST_OPEN: Final = 64
"""Questions of all assets."""


class _Back(NamedTuple):
    """A question that is out, or has ended."""

    going: Going
    asked: Remote
    said: Said | str
    before: Verdict | None
    """The asset's verdict when it was asked."""
    asked_mono_ms: int


class _Last(NamedTuple):
    """What came of an asset's last question to a cloud."""

    end_ms: int
    """Of its window."""
    mono_ms: int
    why: str
    """Empty: it was answered."""


class Errands:
    """The questions of a site."""

    def __init__(self, site: Site, clouds: Clouds, clock: Clock) -> None:
        """Nothing was asked yet."""
        self._clouds = clouds
        self._clock = clock
        self._open: dict[str, asyncio.Task[None] | None] = {}
        self._last: dict[tuple[str, str], _Last] = {}
        self._back: list[_Back] = []
        self._failures: asyncio.Queue[BaseException] = asyncio.Queue()
        self._stopping = False
        self.wake: Callable[[], object] = lambda: None
        """Called when an answer is there to be taken."""
        self.site = site

    @property
    def site(self) -> Site:
        """Whose assets they are about."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        self._last.clear()

    def admit(self, asked: Remote) -> str | None:
        """Why a cloud cannot be asked now; empty: it will be; None: it is being, or just was."""
        asset, rung = asked.asset, asked.rung
        if self._stopping:
            return "the gateway stops"
        if asset in self._open:
            return None
        last = self._last.get((asset, rung.cloud))
        if last is not None:
            same = last.end_ms == asked.window.end_ms
            soon = self._clock.mono_ms() - last.mono_ms < rung.every_ms
            if not last.why and (same or soon):
                return None
            if same:
                return last.why
        if len(self._open) >= MOST_OPEN:
            return f"{MOST_OPEN} questions are open"
        why = self._clouds.by_name[rung.cloud].admit(asked)
        if not why:
            self._open[asset] = None
        return why

    def ask(self, going: Going, asked: Remote) -> None:
        """Ask about one that was admitted; its turn goes on when the answer is there."""
        cloud = self._clouds.by_name[asked.rung.cloud]
        out = _Back(going, asked, "", going.watch.verdict, self._clock.mono_ms())
        task = asyncio.create_task(self._ask(out, cloud))
        task.add_done_callback(self._ended)
        self._open[asked.asset] = task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failures.put_nowait(error)

    async def _ask(self, out: _Back, cloud: Cloud) -> None:
        asked, said = out.asked, await cloud.ask(out.asked)
        self._clouds.keep(cloud)
        why = said if isinstance(said, str) else ""
        self._last[asked.asset, asked.rung.cloud] = _Last(
            asked.window.end_ms, self._clock.mono_ms(), why
        )
        self._back.append(out._replace(said=said))
        self.wake()

    def take(self) -> list[Going]:
        """The turns that go on now, with an answer or without."""
        back, self._back = self._back, []
        for one in back:
            self._open.pop(one.asked.asset, None)
        return [going for one in back if (going := self._resumed(one)) is not None]

    def _resumed(self, back: _Back) -> Going | None:
        watch, turn, _ = back.going
        asked, said, mono_ms = back.asked, back.said, self._clock.mono_ms()
        current = self.site.watches.get(asked.asset) is watch
        if not current or watch.verdict is not back.before:
            self._clouds.count(asked.rung.cloud, "overtaken")
            return None
        age_ms = mono_ms - back.asked_mono_ms
        if not isinstance(said, str) and age_ms > asked.rung.deadline_ms:
            self._clouds.count(asked.rung.cloud, "late")
            said = "deadline"
        turn.mono_ms = mono_ms
        if isinstance(said, str):
            return Going(watch, turn, turn.declined(asked.rung, said))
        return Going(watch, turn, told(turn, asked, said, age_ms))

    async def run(self) -> None:
        """Raise what ended a question unforeseen, before its asset waits for ever."""
        raise await self._failures.get()

    def stopped(self) -> None:
        """The gateway stops: nobody waits for an answer any more, and nothing is asked."""
        self._stopping = True
        for task in self._open.values():
            if task is not None:
                task.cancel()
