"""The ladder: local model, declared rules, fail-safe. The first rung that can answer does.

A model abstains when its window does (a bad channel, a gap, too little coverage), while it is being
calibrated, when its worker fails, and when its package says that it cannot know (``uncertainty``).
A rule abstains when it is unknown. Rules are asked in order: the first
that is true gives its label; when none is true and one is known to be false, all is normal. A
``guard`` rule is asked beside the ladder too, and wins over a model that says normal.
"""

from array import array
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gateway.core.assets import Asset, ModelRung, RuleRung, Rung
from gateway.core.calibration import Calibration
from gateway.core.explanations import Wanted
from gateway.core.latest import Latest
from gateway.core.readings import Value
from gateway.core.rules import View, evaluate
from gateway.core.uncertainty import Trust
from gateway.core.verdicts import NORMAL, Verdict
from gateway.core.windows import Window, Windows

UNKNOWN = "unknown"
"""The label of a verdict that no rung gave."""


class Question(NamedTuple):
    """A window that a model is asked to judge."""

    model: str
    asset: str
    values: "array[float]"
    rows: int
    columns: int


@dataclass(slots=True)
class ModelState:
    """What one asset remembers of one model."""

    rung: ModelRung
    windows: Windows
    decide: Callable[[float, str], tuple[str, float]]
    """(score, label held so far) -> (label, the level it met): the package's decision levels."""
    version: str
    hash: str
    columns: tuple[str, ...]
    """Metric of the asset per channel, in channel order."""
    calibration: Calibration | None = None
    explain: Wanted = field(default_factory=Wanted)
    """How its scores are to be explained."""
    trust: Trust = field(default_factory=Trust)
    """When it must not answer."""
    held: str = NORMAL
    loaded: str = ""
    """What the worker knows this version by."""
    conversions: tuple[tuple[float, float], ...] = ()
    """(scale, offset) per channel from the metric's unit to the model's; empty: the same ones."""

    def like(self, other: "ModelState") -> bool:
        """Both cut the same windows from the same readings."""
        return (self.columns, self.conversions, self.windows.shape) == (
            other.columns,
            other.conversions,
            other.windows.shape,
        )

    def see(self, other: "ModelState") -> None:
        """Take what another version has seen of the same asset, where it fits."""
        if self.like(other):
            self.windows = deepcopy(other.windows)


@dataclass(slots=True)
class Turn:
    """One walk down the ladder of one asset."""

    asset: Asset
    at_ms: int
    mono_ms: int
    latest: Latest
    models: dict[str, ModelState]
    window: Window | None = None
    """The window that made the turn due, of the first model of the ladder."""
    abstained: dict[str, str] = field(default_factory=dict)
    _next: int = 0
    judged: Window | None = None
    """What the last question was made of, before calibration."""
    asked: Question | None = None
    """The last question to a model."""
    _quiet_rule: str = ""

    def step(self) -> Question | Verdict:
        """Go down to the next model that can be asked, or to the end."""
        while self._next < len(self.asset.ladder):
            rung = self.asset.ladder[self._next]
            self._next += 1
            if isinstance(rung, ModelRung):
                question = self._question(rung)
                if question is not None:
                    return question
            elif not rung.guard and self._fires(rung):
                return self._verdict(_rule_name(rung, self.asset), rung.label)
        if self._quiet_rule:
            return self._guarded(self._verdict(self._quiet_rule, NORMAL))
        return self._guarded(self._verdict("none", UNKNOWN))

    def answered(self, model: str, score: float) -> Question | Verdict:
        """The model that was asked gave a score; one that may mean either label is no answer."""
        state = self.models[model]
        conformal = state.trust.conformal
        why = conformal.crosses(score, state.held, state.decide) if conformal else ""
        if why:
            return self.failed(model, why)
        label, level = state.decide(score, state.held)
        state.held = label
        verdict = self._verdict(f"model:{model}", label)
        return self._guarded(
            replace(
                verdict,
                score=score,
                level=level,
                model_version=state.version,
                model_hash=state.hash,
                coverage=self.judged.coverage if self.judged else 0.0,
                interval=conformal.interval(score) if conformal else None,
            )
        )

    def failed(self, model: str, why: str) -> Question | Verdict:
        """The model that was asked did not answer: the next rung."""
        self.abstained[f"model:{model}"] = why
        return self.step()

    def _question(self, rung: ModelRung) -> Question | None:
        state = self.models.get(rung.model)
        if state is None:
            self.abstained[f"model:{rung.model}"] = "not loaded"
            return None
        window = self.window if self._next == 1 and self.window else state.windows.latest()
        values, why = window.values, window.abstained
        if not why and state.calibration is not None:
            if state.calibration.ready:
                values = state.calibration.apply(values, len(state.columns))
            else:
                why = "calibrating"
        if not why and state.trust.ood is not None:
            why = state.trust.ood.outside(values)
        if why:
            self.abstained[f"model:{rung.model}"] = why
            return None
        self.judged = window
        shape = state.windows.shape
        dims = shape.length, len(shape.channels)
        self.asked = Question(rung.model, self.asset.id, values, *dims)
        return self.asked

    def _fires(self, rung: RuleRung) -> bool:
        name = _rule_name(rung, self.asset)
        truth = evaluate(rung.expression, self._view)
        if truth is None:
            self.abstained[name] = "unknown"
        elif not truth:
            self._quiet_rule = self._quiet_rule or name
        return bool(truth)

    def _guarded(self, verdict: Verdict) -> Verdict:
        if verdict.label not in (NORMAL, UNKNOWN):
            return verdict
        for rung in self.asset.ladder:
            if isinstance(rung, RuleRung) and rung.guard and evaluate(rung.expression, self._view):
                return replace(verdict, rung=_rule_name(rung, self.asset), label=rung.label)
        return verdict

    @property
    def _view(self) -> View:
        return self.latest.at(self.mono_ms)

    def _verdict(self, rung: str, label: str) -> Verdict:
        return Verdict(
            asset=self.asset.id,
            at_ms=self.at_ms,
            mono_ms=self.mono_ms,
            rung=rung,
            label=label,
            inputs=self._inputs(),
            abstained=dict(self.abstained),
        )

    def _inputs(self) -> dict[str, Value]:
        known = {name: self.latest.known(name) for name in self.latest.names()}
        return {name: item.value for name, item in known.items() if item is not None}


def _rule_name(rung: Rung, asset: Asset) -> str:
    return f"rule:{asset.ladder.index(rung) + 1}"
