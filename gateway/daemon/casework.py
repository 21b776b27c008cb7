"""Casework: declared cases run in virtual time, by the daemon's own parts."""

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.config.cases import Cases
from gateway.config.settings import Settings
from gateway.core.assets import Asset
from gateway.core.cases import Case, Failure, Said, Step, Word, failures
from gateway.core.comparison import Made, made
from gateway.core.interventions import Intervention
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report, Value
from gateway.core.values import coerce
from gateway.core.verdicts import Decision
from gateway.core.watch import Watch
from gateway.daemon.bench import Bench, bench
from gateway.daemon.rehearsal import Rehearsal
from gateway.daemon.virtual import VirtualClock

FIRST_MONO_MS = 86_400_000
"""The gateway has run for a day when a case starts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case."""

    case: Case
    decisions: tuple[Made, ...]
    failures: tuple[Failure, ...]


class Results(NamedTuple):
    """What came of a file."""

    outcomes: list[Outcome]
    refused: dict[str, str]
    """Models that are out, and why."""


def run_cases(cases: Cases, *, models: bool = True) -> Results:
    """Run every case of a file; without ``models`` every model abstains.

    Raises:
        WorkerError: the worker died.
    """
    return asyncio.run(_run(cases, models=models))


async def _run(cases: Cases, *, models: bool) -> Results:
    if not models:
        return Results([await _case(cases, one, Bench({}, {})) for one in cases.cases], {})
    async with bench(cases.settings, {}) as judges:
        outcomes = [await _case(cases, one, judges) for one in cases.cases]
        return Results(outcomes, dict(judges.refused))


async def _case(cases: Cases, case: Case, judges: Bench) -> Outcome:
    clock = VirtualClock(cases.start_ms, FIRST_MONO_MS)
    trial = _Trial(cases.settings, judges, clock)
    for at_ms, _, what in heapq.merge(_told(case.steps), _said(case.people)):
        await trial.until(at_ms)
        if isinstance(what, Word):
            trial.say(what)
        else:
            await trial.report(*what)
    await trial.until(case.until_ms)
    found = tuple(failures(case, trial.decisions, trial.said, cases.start_ms))
    return Outcome(case, tuple(trial.decisions), found)


_What = tuple[Step, dict[str, Value]] | Word


def _told(steps: Sequence[Step]) -> Iterator[tuple[int, tuple[int, int], _What]]:
    """Every report of the steps, in the order of time; at one time in the order of the file."""
    reports = [
        (at_ms, (1 + place, number), (step, step.said(number)))
        for place, step in enumerate(steps)
        for number, at_ms in enumerate(step.times())
    ]
    yield from sorted(reports, key=lambda one: one[:2])


def _said(people: Iterable[Word]) -> Iterator[tuple[int, tuple[int, int], _What]]:
    """What people say, before the readings of the same time."""
    words = [(word.at_ms, (0, place), word) for place, word in enumerate(people)]
    yield from sorted(words, key=lambda one: one[:2])


class _Trial:
    """One case on its way."""

    def __init__(self, settings: Settings, judges: Bench, clock: VirtualClock) -> None:
        self._clock = clock
        self._start_ms = clock.now_ms()
        self._assets = settings.assets
        self.decisions: list[Made] = []
        self.said: list[Said] = []
        self._site = Rehearsal(settings, judges, clock, self._decided, heard=self._heard)

    async def until(self, at_ms: int) -> None:
        await self._site.until(FIRST_MONO_MS + at_ms)

    async def report(self, step: Step, values: dict[str, Value]) -> None:
        """One report per device, as devices do."""
        for metrics in _devices(self._assets[step.asset], values):
            readings = [_reading(metric, values[metric.name], step.reason) for metric in metrics]
            first, now_ms = metrics[0], self._clock.now_ms()
            times = (now_ms, now_ms, self._clock.mono_ms())
            told = Readings.of(filter(None, readings))
            report = Report(first.source, first.device, told, *times)
            await self._site.take(self._site.site.gates.judge(report))

    def say(self, word: Word) -> None:
        one = Intervention(
            id=f"{word.kind}-{word.at_ms}",
            kind=word.kind,
            asset=word.asset,
            author="test",
            reason="",
            at_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
            boot=self._clock.boot,
            for_ms=word.for_ms,
            value=word.value,
        )
        if word.on:
            self._site.standing.put(one)
        else:
            self._site.standing.end(one.key)

    def _decided(self, decision: Decision) -> None:
        self.decisions.append(made(decision))

    def _heard(self, watch: Watch) -> None:
        verdict = watch.verdict
        if verdict is not None:
            at_ms = self._clock.now_ms() - self._start_ms
            told = (verdict.label, verdict.rung, verdict.score)
            self.said.append(Said(at_ms, watch.asset.id, *told))


def _devices(asset: Asset, names: Iterable[str]) -> list[list[Metric]]:
    """The named metrics by their devices, in the order in which they are named."""
    found: dict[tuple[str, str], list[Metric]] = {}
    for name in names:
        metric = asset.metrics[name]
        found.setdefault((metric.source, metric.device), []).append(metric)
    return list(found.values())


def _reading(metric: Metric, value: Value, reason: Reason) -> Reading | None:
    """A value in the metric's own unit; its range holds."""
    plain = replace(metric, scale=1.0, offset=0.0, words={}, missing_if=frozenset())
    read = coerce(plain, value)
    if read is None:
        return None
    return Reading(metric, read.value, read.reason if reason is Reason.OK else reason)
