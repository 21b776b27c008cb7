"""Replay: recorded history through a configuration, in virtual time.

Before the time that is asked for, windows are filled, and a run-up is judged without being told, so
that nothing begins in the middle of a thought. What stood raised then is taken from the record.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.config.settings import Settings
from gateway.core.comparison import Made, made
from gateway.core.times import rfc3339
from gateway.core.verdicts import Decision
from gateway.daemon.bench import Bench, bench
from gateway.daemon.chronicle import Chronicle
from gateway.daemon.past import calibrate, past, recorded, sent, stand, thinned
from gateway.daemon.recorded import Recorded, of_assets
from gateway.daemon.rehearsal import Rehearsal
from gateway.daemon.restore import reach_ms
from gateway.daemon.virtual import VirtualClock
from gateway.errors import StoreError
from gateway.store.history import Arrival, History

RUN_UP_MS: Final = 900_000
"""Judged before the period begins, and not told."""
STEP_MS: Final = 20
"""A wall clock that moves more against the monotonic one moves the rows."""
EVERY: Final = 2_000
"""Reports between two words about how far it is."""
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be replayed."""

    since_ms: int
    until_ms: int
    assets: Collection[str] = ()
    """Only these; empty: all."""


@dataclass(slots=True)
class Replayed:
    """What came of it."""

    since_ms: int
    until_ms: int
    then: list[Made] = field(default_factory=list)
    """As recorded, with what stood before."""
    now: list[Made] = field(default_factory=list)
    """As it would be, with the run-up."""
    reports: int = 0
    rounds: int = 0
    """How often ladders were walked."""
    notes: list[str] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    """Version and hash of what judged, by model."""

    def told(self, side: Iterable[Made]) -> list[Made]:
        """What was decided within the period."""
        return [one for one in side if self.since_ms <= one.at_ms <= self.until_ms]


def replay(
    settings: Settings, history: History, asked: Asked, progress: Callable[[float], None]
) -> Replayed:
    """Judge what was recorded.

    Raises:
        StoreError: there is nothing to replay, or it cannot be read.
        WorkerError: the worker died.
    """
    first, last = history.first_ms(), history.last_ms()
    if first is None or last is None:
        raise StoreError("nothing is stored one by one: there is nothing to replay")
    last = max(first, last)  # a clock that was set back made the newest the oldest
    since_ms, until_ms = max(asked.since_ms, first), min(asked.until_ms, last)
    if since_ms > until_ms:
        span = f"{rfc3339(first)} to {rfc3339(last)}"
        raise StoreError(f"there is no history of that time; it goes from {span}")
    found = Replayed(since_ms, until_ms)
    if since_ms > asked.since_ms:
        found.notes.append(f"history begins at {rfc3339(first)}: nothing is judged before")
    return asyncio.run(_Run(settings, history, asked, found, progress).run())


class _Run:
    """One replay."""

    def __init__(
        self,
        settings: Settings,
        history: History,
        asked: Asked,
        found: Replayed,
        progress: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._history = history
        self._asked = asked
        self._found = found
        self._progress = progress
        self._seen_mono_ms = history.seen_mono_ms()
        self._boot: int | None = None
        self._offset_ms = 0
        """From the monotonic clock of the boot to the virtual one."""
        self._boots = self._unsure = 0

    async def run(self) -> Replayed:
        async with bench(self._settings, self._history.kept("versions")) as models:
            await self._walk(models)
        found = self._found
        found.models = {
            model: f"{package.manifest.version} {package.sha256[:12]}"
            for model, package in models.packages.items()
        }
        found.notes += [f"model {model} is out: {why}" for model, why in models.refused.items()]
        found.notes += [
            f"cloud {cloud} was not asked {times} times: a replay asks nobody"
            for cloud, times in sorted(models.unasked.items())
        ]
        found.notes += self._recorded.notes()
        found.notes += thinned(self._history, self._settings, self._asked.since_ms, found.until_ms)
        found.then, more = past(self._history, found.since_ms, found.until_ms, self._asked.assets)
        found.notes += [*more, *self._chronicle.notes(found.since_ms), *self._odd()]
        return found

    async def _walk(self, models: Bench) -> None:
        found, history = self._found, self._history
        self._judge_ms = found.since_ms - RUN_UP_MS
        clock = VirtualClock(self._judge_ms - HOUR_MS)
        self._site = Rehearsal(self._settings, models, clock, self._decided, self._asked.assets)
        start_ms = self._judge_ms - reach_ms(self._site.site)
        clock.set(start_ms)
        self._site.know(history.kept("roster"))
        found.notes += calibrate(self._site.watches, history.kept("calibration"), start_ms)
        assets = self._settings.assets.items()
        metrics = of_assets({name: asset.metrics for name, asset in assets})
        self._recorded = Recorded(metrics, history.series())
        self._judging = False
        self._chronicle = Chronicle(history, self._site, start_ms, found.until_ms)
        for arrival in history.arrivals(start_ms, found.until_ms):
            await self._come(arrival)
        await self._happen(self._boot or 0, found.until_ms)
        await self._pass(clock.mono_ms() + found.until_ms - clock.now_ms())
        found.rounds = self._site.rounds

    async def _come(self, arrival: Arrival) -> None:
        clock, site = self._site.clock, self._site
        if arrival.boot != self._boot:
            await self._reboot(arrival)
        if not self._judging and arrival.received_at_ms >= self._judge_ms:
            await self._happen(arrival.boot, self._judge_ms)
            clock.move(clock.mono_ms() + self._judge_ms - clock.now_ms())
            self._begin()
        await self._happen(arrival.boot, arrival.received_at_ms)
        await self._pass(arrival.mono_ms + self._offset_ms)
        step_ms = arrival.received_at_ms - clock.now_ms()
        clock.set(arrival.received_at_ms)
        if abs(step_ms) > STEP_MS:
            await site.stepped()
        report = self._recorded.report(arrival, clock.mono_ms())
        if report is not None and self._judging:
            await site.take(report)
        elif report is not None:
            site.fill(report)
        self._count(arrival)

    def _begin(self) -> None:
        self._judging = True
        clock = self._site.clock
        before = self._history.standing(self._judge_ms)
        shift_ms = clock.mono_ms() - clock.now_ms()
        for watch in self._site.watches.values():
            stood = stand(watch, [one for one in before if one.asset == watch.asset.id], shift_ms)
            self._found.now += [recorded(one) for one in stood]
        self._recorded.seen.clear()
        self._site.sent(sent(self._history, clock.now_ms(), clock.mono_ms()))
        self._site.begin()

    def _count(self, arrival: Arrival) -> None:
        found = self._found
        if arrival.received_at_ms < found.since_ms:
            return
        found.reports += 1
        self._unsure += not arrival.clock_ok
        if found.reports % EVERY == 0:
            whole_ms = max(1, found.until_ms - found.since_ms)
            self._progress((arrival.received_at_ms - found.since_ms) / whole_ms)

    async def _happen(self, boot: int, until_ms: int) -> None:
        """What people said, and stops and starts of the gateway."""
        clock, chronicle = self._site.clock, self._chronicle
        while (at_ms := chronicle.next_ms(boot, until_ms)) is not None:
            await self._pass(clock.mono_ms() + at_ms - clock.now_ms())
            chronicle.take()

    async def _pass(self, mono_ms: int) -> None:
        if self._judging and not self._chronicle.off:
            await self._site.until(mono_ms)
        else:
            self._site.clock.move(mono_ms)

    async def _reboot(self, arrival: Arrival) -> None:
        """Another boot: the gateway was off in between, for as long as the wall clock says."""
        clock, before = self._site.clock, self._boot
        if before is not None:
            await self._pass(self._seen_mono_ms.get(before, 0) + self._offset_ms)
            self._boots += 1
            await self._happen(before, arrival.received_at_ms)
        clock.move(clock.mono_ms() + max(0, arrival.received_at_ms - clock.now_ms()))
        self._boot, self._offset_ms = arrival.boot, clock.mono_ms() - arrival.mono_ms
        if before is not None:
            self._site.restart()

    def _decided(self, decision: Decision) -> None:
        self._found.now.append(made(decision))

    def _odd(self) -> list[str]:
        """What was not as usual."""
        notes = []
        gone = sorted({one.asset for one in self._found.then} - self._settings.assets.keys())
        notes += [f"{asset}: this file has no such asset" for asset in gone]
        if self._boots:
            notes.append(f"the machine was started {self._boots} times in this time")
        if self._unsure:
            unsure = f"{self._unsure} reports came while the clock was not set"
            notes.append(f"{unsure}: rows may be cut otherwise")
        if self._history.bad_rows:
            notes.append(f"{self._history.bad_rows} damaged reports were left out")
        return notes
