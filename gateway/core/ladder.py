"""The ladder: local model, declared rules, cloud, fail-safe. The first rung that can answer does.

A model abstains when its window does (a bad channel, a gap, too little coverage), while it is being
calibrated, when its worker fails, and when its package says that it cannot know (``uncertainty``).
A cloud is asked beside the walk: see ``core.remote``. A rule abstains when it is unknown. Rules are
asked in order: the first that is true gives its label; when none is true and one is known to be
false, all is normal. A ``guard`` rule is asked beside the ladder too, and wins over a model that
says normal. While the machine stands still no model is asked, and quiet rules are no proof that it
is well: the verdict is ``idle``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.core.assets import (
    Asset,
    CloudRung,
    EnsembleRung,
    ModelRung,
    RuleRung,
    Rung,
    model_rungs,
)
from gateway.core.ensembles import Heard, combine
from gateway.core.latest import Latest
from gateway.core.questions import ModelState, Panel, Question
from gateway.core.readings import Value
from gateway.core.rules import View, evaluate
from gateway.core.running import Running
from gateway.core.verdicts import IDLE, NORMAL, Verdict
from gateway.core.windows import Window

__all__ = ["UNKNOWN", "ModelState", "Panel", "Question", "Step", "Turn"]

UNKNOWN = "unknown"
"""The label of a verdict that no rung gave."""
Step = Question | Panel | CloudRung | Verdict
"""What a turn comes to next: whom to ask, or the end."""


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
    windows: dict[str, Window] = field(default_factory=dict)
    """What each model's question was made of."""
    questions: dict[str, Question] = field(default_factory=dict)
    """What each model was asked last."""
    held: dict[str, str] = field(default_factory=dict)
    """The label that each ensemble holds; shared with the next turns."""
    scores: dict[str, float] = field(default_factory=dict)
    """What each model that answered said, whatever came of it."""
    running: Running = field(default_factory=Running)
    spare: Mapping[str, ModelState] = field(default_factory=dict)
    """Windows that only clouds are asked with."""
    _quiet_rule: str = ""
    _rests: bool = False
    """A model was not asked, because the machine does not run, or not for long enough."""
    _sitting: EnsembleRung | None = None

    def step(self) -> Step:
        """Go down to the next model or ensemble that can be asked, or to the end."""
        while self._next < len(self.asset.ladder):
            rung = self.asset.ladder[self._next]
            self._next += 1
            found = self._ask(rung)
            if found is not None:
                return found
        if self._rests or (self._quiet_rule and self.running.rested):
            return self.guarded(self.verdict("running", IDLE))
        if self._quiet_rule:
            return self.guarded(self.verdict(self._quiet_rule, NORMAL))
        return self.guarded(self.verdict("none", UNKNOWN))

    def _ask(self, rung: Rung) -> Step | None:
        if isinstance(rung, ModelRung):
            return self._question(rung)
        if isinstance(rung, EnsembleRung):
            return self._panel(rung)
        if isinstance(rung, CloudRung):
            return rung
        fires = bool(evaluate(rung.expression, self._view)) if rung.guard else self._fires(rung)
        return self.verdict(self.asset.rule_name(rung), rung.label) if fires else None

    def answered(self, model: str, score: float) -> Step:
        """The model that was asked gave a score; one that may mean either label is no answer."""
        state = self.models[model]
        conformal = state.trust.conformal
        why = conformal.crosses(score, state.held, state.decide) if conformal else ""
        if why:
            return self.failed(model, why)
        label, level = state.decide(score, state.held)
        state.held = label
        verdict = self.verdict(f"model:{model}", label)
        return self.guarded(
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

    def deadline_ms(self, question: Question) -> int:
        """How long an answer may take; the shortest deadline of one call holds for all."""
        return self.models[question.model].rung.deadline_ms

    def heard(self, answers: Mapping[str, float | str]) -> Step:
        """Everybody who was asked answered: by model, a score or why there is none."""
        answers = {model: self._own(model, score) for model, score in answers.items()}
        self.scores |= {model: one for model, one in answers.items() if isinstance(one, float)}
        rung, self._sitting = self._sitting, None
        if rung is not None:
            return self._combined(rung, answers)
        ((model, score),) = answers.items()
        return self.failed(model, score) if isinstance(score, str) else self.answered(model, score)

    def _own(self, model: str, score: float | str) -> float | str:
        """The score in the package's levels, where this asset has a level of its own."""
        calibration = self.models[model].calibration
        if isinstance(score, str) or calibration is None:
            return score
        scaled = calibration.scaled(score)
        return "calibrating its level" if scaled is None else scaled

    def _panel(self, rung: EnsembleRung) -> Panel | None:
        """Ask every member that can judge; None when they are too few."""
        asked = [self._question(member) for member in rung.members]
        questions = tuple(question for question in asked if question is not None)
        if len(questions) < rung.least:
            self.abstained[rung.name] = rung.few(len(questions))
            return None
        self._sitting = rung
        return Panel(questions)

    def _combined(self, rung: EnsembleRung, answers: Mapping[str, float | str]) -> Step:
        heard: list[Heard] = []
        for model, score in answers.items():
            why = score if isinstance(score, str) else self.models[model].doubt(score)
            if why or isinstance(score, str):
                self.abstained[f"model:{model}"] = why
            else:
                heard.append(self.models[model].say(score))
        if len(heard) < rung.least:
            self.abstained[rung.name] = rung.few(len(heard))
            return self.step()
        first = self.models.get(rung.members[0].model) or self.models[heard[0].model]
        bounds = rung.declared or first.scale.bounds()
        said = combine(heard, rung.combine, bounds, self.held.get(rung.name, NORMAL))
        self.held[rung.name] = said.label
        verdict = replace(
            self.verdict(rung.name, said.label),
            score=said.score,
            level=said.level,
            coverage=min(self.windows[one.model].coverage for one in heard),
            members=tuple(one.document() for one in heard),
        )
        return self.guarded(verdict)

    def declined(self, rung: CloudRung, why: str) -> Step:
        """A cloud was not asked, or did not answer: the next rung."""
        self.abstained[rung.name] = why
        return self.step()

    def failed(self, model: str, why: str) -> Step:
        """The model that was asked did not answer: the next rung."""
        self.abstained[f"model:{model}"] = why
        return self.step()

    def _question(self, rung: ModelRung) -> Question | None:
        state = self.models.get(rung.model)
        if state is None:
            self.abstained[f"model:{rung.model}"] = "not loaded"
            return None
        first = next(model_rungs(self.asset.ladder), None)
        due = self.window if first is not None and first.model == rung.model else None
        window = due or state.windows.latest()
        rests = self.running.why_not(window.end_ms - state.windows.span_ms)
        self._rests = self._rests or bool(rests)
        values, why = window.values, rests or window.abstained
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
        self.judged = self.windows[rung.model] = window
        shape = state.windows.shape
        dims = shape.length, len(shape.channels)
        if state.carried is not None:
            state.carried.meet(window.end_ms)
        question = Question(rung.model, self.asset.id, values, *dims, state.carried)
        self.questions[rung.model] = question
        return question

    def _fires(self, rung: RuleRung) -> bool:
        name = self.asset.rule_name(rung)
        truth = evaluate(rung.expression, self._view)
        if truth is None:
            self.abstained[name] = "unknown"
        elif not truth:
            self._quiet_rule = self._quiet_rule or name
        return bool(truth)

    def guarded(self, verdict: Verdict) -> Verdict:
        """The verdict, or that of a guard rule that fires where it asks for nothing."""
        if verdict.label not in (NORMAL, UNKNOWN, IDLE):
            return verdict
        for rung in self.asset.ladder:
            if isinstance(rung, RuleRung) and rung.guard and evaluate(rung.expression, self._view):
                return replace(verdict, rung=self.asset.rule_name(rung), label=rung.label)
        return verdict

    @property
    def _view(self) -> View:
        return self.latest.at(self.mono_ms)

    def verdict(self, rung: str, label: str) -> Verdict:
        """What a rung says of this turn."""
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
