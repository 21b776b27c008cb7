"""Inquiries: what is asked about a verdict, taken down while what it saw is still at hand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from gateway.core import explanations
from gateway.core.assets import EnsembleRung, RuleRung
from gateway.core.ensembles import How
from gateway.core.explanations import Cause, Explanation, Feature, Wanted
from gateway.core.ladder import ModelState, Question, Turn
from gateway.core.verdicts import NORMAL, Verdict
from gateway.core.windows import Channel

SPREAD = 2.0
"""Usual is the mean of the calibration, and so many standard deviations to either side."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A window whose score is to be explained."""

    question: Question
    """As it was judged."""
    wanted: Wanted
    channels: tuple[Channel, ...]
    metrics: tuple[str, ...]
    """The asset's names of the channels."""
    newest: tuple[float, ...]
    """The newest row, in the channels' units."""
    span_ms: int
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    """Of the asset's calibration; empty without one."""
    features: tuple[Feature, ...] = ()
    """Of signals: what is asked about, instead of channels."""
    units: tuple[str, ...] = ()
    """The metrics' own, which people know; empty: the channels'."""
    conversions: tuple[tuple[float, float], ...] = ()
    """(scale, offset) per channel from the metric's unit to the channel's; empty: the same ones."""

    @property
    def baseline(self) -> list[float | None]:
        """Per channel or feature, as the model sees it; None where the golden mean stands in."""
        if self.features:
            return [self.wanted.baseline.get(feature.name) for feature in self.features]
        if self.sd:
            return [
                (self.wanted.baseline.get(channel.name, mean) - mean) / sd
                for channel, mean, sd in zip(self.channels, self.mean, self.sd, strict=True)
            ]
        return [self.wanted.baseline.get(channel.name) for channel in self.channels]

    def causes(
        self,
        weights: tuple[float, ...],
        baseline: tuple[float, ...],
        values: tuple[float, ...] = (),
    ) -> list[Cause]:
        """Every channel or feature with its share, from what the worker answered."""
        if self.features:
            return list(self._features(weights, baseline, values))
        found = []
        for i, share in enumerate(explanations.shares(weights)):
            base = baseline[i] * self.sd[i] + self.mean[i] if self.sd else baseline[i]
            base = base if isfinite(base) else self.newest[i]
            unit = self.units[i] if self.units else self.channels[i].unit
            told = self._back(i, self.newest[i], base, *(self._usual(i) or ()))
            usual = (min(told[2:]), max(told[2:])) if told[2:] else None
            found.append(Cause(self.metrics[i], unit, told[0], told[1], usual, share))
        return found

    def _back(self, i: int, *values: float) -> list[float]:
        """Values of a channel in its metric's unit."""
        scale, offset = self.conversions[i] if self.conversions else (1.0, 0.0)
        return [(value - offset) / scale for value in values]

    def _features(
        self, weights: tuple[float, ...], baseline: tuple[float, ...], values: tuple[float, ...]
    ) -> Iterator[Cause]:
        parts = zip(self.features, explanations.shares(weights), baseline, values, strict=True)
        for feature, share, base, value in parts:
            metric, usual = self.metrics[feature.column], self.wanted.usual.get(feature.name)
            yield Cause(metric, feature.unit, value, base, usual, share, feature.words)

    def _usual(self, i: int) -> tuple[float, float] | None:
        if self.sd:
            far = SPREAD * self.sd[i]
            return self.mean[i] - far, self.mean[i] + far
        return self.wanted.usual.get(self.channels[i].name)


@dataclass(frozen=True, slots=True)
class Inquiries:
    """An ensemble's word that is to be explained: by each member, then together."""

    how: How
    each: tuple[tuple[Mapping[str, object], Inquiry | None], ...]
    """What a member said, as the verdict has it, and what to ask about it; None: nothing."""
    span_ms: int

    @property
    def top(self) -> int:
        """Channels worth a word."""
        return max((one.wanted.top for _, one in self.each if one), default=0)


def inquire(turn: Turn, verdict: Verdict) -> Inquiry | Inquiries | Explanation:
    """What to ask the worker about a verdict; what is known already where it need not be asked."""
    kind, _, name = verdict.rung.partition(":")
    if kind == "rule" and name.isdecimal():
        return _rule(turn, verdict, int(name))
    if kind == "ensemble" and verdict.label != NORMAL:
        return _members(turn, verdict)
    state = turn.models.get(name) if kind == "model" else None
    if state is None:
        return explanations.of_score(verdict)
    inquiry = _inquiry(turn, state)
    if inquiry is None or verdict.label == NORMAL or state.explain.method == "none":
        return explanations.of_score(verdict, span_ms=inquiry.span_ms if inquiry else 0)
    return inquiry


def _members(turn: Turn, verdict: Verdict) -> Inquiries:
    rungs = [rung for rung in turn.asset.ladder if isinstance(rung, EnsembleRung)]
    how: How = next((rung.combine for rung in rungs if rung.name == verdict.rung), "mean")
    each = []
    for said in verdict.members:
        state = turn.models.get(str(said["model"]))
        silent = state is None or state.explain.method == "none"
        each.append((said, None if state is None or silent else _inquiry(turn, state)))
    spans = [inquiry.span_ms for _, inquiry in each if inquiry is not None]
    return Inquiries(how, tuple(each), max(spans, default=0))


def _rule(turn: Turn, verdict: Verdict, place: int) -> Explanation:
    rung = turn.asset.ladder[place - 1] if place <= len(turn.asset.ladder) else None
    if not isinstance(rung, RuleRung):
        return explanations.of_score(verdict)
    units = {name: metric.unit for name, metric in turn.asset.metrics.items()}
    view = turn.latest.at(verdict.mono_ms)
    return explanations.of_rule(rung.expression, view, units, fired=verdict.label == rung.label)


def _inquiry(turn: Turn, state: ModelState) -> Inquiry | None:
    """What the model saw in this turn; None when it was not asked."""
    question = turn.questions.get(state.rung.model)
    window = turn.windows.get(state.rung.model)
    if question is None or window is None:
        return None
    shape, learnt = state.windows.shape, state.calibration
    return Inquiry(
        question=question,
        wanted=state.explain,
        channels=shape.channels,
        metrics=state.columns,
        newest=window.newest,
        span_ms=state.windows.span_ms,
        mean=learnt.mean if learnt else (),
        sd=learnt.sd if learnt else (),
        features=state.features,
        units=tuple(_units(turn, state)),
        conversions=state.conversions,
    )


def _units(turn: Turn, state: ModelState) -> Iterator[str]:
    """Each metric's own; the channel's where the asset has none."""
    for name, channel in zip(state.columns, state.windows.shape.channels, strict=True):
        metric = turn.asset.metrics.get(name)
        yield (metric.unit if metric else "") or channel.unit
