"""Explanations: why a decision was made, in data and in words.

A model's verdict is explained by the channels its score rests on, each with what it usually is and
its share; a rule explains itself, by its text and the values it saw; a fail-safe by what kept each
rung from answering.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, isfinite, log10
from typing import Final, Literal, NamedTuple

from gateway.core import durations, grammar
from gateway.core.leaves import leaves
from gateway.core.readings import Value
from gateway.core.rules import Expression, View, evaluate, parse
from gateway.core.verdicts import Decision, Verdict

Method = Literal["auto", "occlusion", "residuals", "none"]

DIGITS: Final = 3
"""Significant digits of a number in words; whole numbers keep all of theirs."""
FINEST: Final = 7
"""So many at most, where fewer make a value look like what is usual."""
LEAST: Final = 0.01
"""A share below this is not worth a word."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a package wants its scores explained."""

    method: Method = "auto"
    """``auto``: the model's own residuals where it has them, else occlusion."""
    baseline: Mapping[str, float] = field(default_factory=dict)
    """Channel -> what stands in for it, in its unit."""
    usual: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Channel -> what it usually lies between, in its unit."""
    top: int = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """One channel that a score rests on."""

    channel: str
    """The asset's metric."""
    unit: str
    value: float
    """The newest of the window, or the feature's."""
    baseline: float
    usual: tuple[float, float] | None
    share: float
    """Of all that pushes the score towards its label, 0 to 1."""
    feature: str = ""
    """Of a signal: what was computed from it, in words; the numbers are of this."""

    @property
    def words(self) -> str:
        """``flow 12 l/min, usually 28 to 33: 61 %``."""
        unit = f" {self.unit}" if self.unit else ""
        ends = self.usual or (self.baseline, self.baseline)
        digits = _digits(self.value, *ends)
        low, high = (number(end, digits) for end in ends)
        usually = f"{low} to {high}" if low != high else low if self.usual else f"about {low}"
        share = round(100 * self.share)
        return f"{self.what} {number(self.value, digits)}{unit}, usually {usually}: {share} %"

    @property
    def what(self) -> str:
        """``flow``, or ``vibration crest factor``."""
        return f"{self.channel} {self.feature}" if self.feature else self.channel


class Feature(NamedTuple):
    """One number that is computed from a signal before the graph sees it."""

    name: str
    """As the manifest names it: ``acceleration.crest``."""
    column: int
    """The channel of the window it is of."""
    words: str
    unit: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one decision was made."""

    method: str
    """``occlusion``, ``residuals``, ``rule``, or ``none`` where nothing but the score is known."""
    words: tuple[str, ...]
    causes: tuple[Cause, ...] = ()
    """The largest share first."""
    terms: Mapping[str, Value | None] = field(default_factory=dict)
    """What a rule saw, by the words of the rule."""
    span_ms: int = 0
    """How far back from the verdict its inputs reach."""
    note: str = ""
    """Why there is no more to say."""
    members: tuple[Mapping[str, object], ...] = ()
    """Of an ensemble: what each model says, and why, as documents."""


def shares(weights: Iterable[float]) -> tuple[float, ...]:
    """What part of the push each weight is; one that pulls the other way has none."""
    push = [max(0.0, weight) for weight in weights]
    most = max(push, default=0.0)
    if not most > 0:
        return tuple(0.0 for _ in push)
    total = sum(weight / most for weight in push)  # divided first: large weights may overflow
    return tuple(weight / most / total for weight in push)


def top(causes: Sequence[Cause], count: int) -> tuple[Cause, ...]:
    """The causes that count, the largest share first; equal ones in the order of the channels."""
    ranked = sorted(causes, key=lambda cause: -cause.share)
    return tuple(cause for cause in ranked[:count] if cause.share >= LEAST)


def of_model(
    verdict: Verdict, method: str, causes: Sequence[Cause], count: int, span_ms: int
) -> Explanation:
    """A model raised its label: the channels its score rests on."""
    found = top(causes, count)
    if not found:
        note = "no channel alone lowers the score"
        return Explanation("none", (scored(verdict),), span_ms=span_ms, note=note)
    return Explanation(method, tuple(cause.words for cause in found), found, span_ms=span_ms)


def of_score(verdict: Verdict, note: str = "", span_ms: int = 0) -> Explanation:
    """What a verdict says of itself, where nobody can say more."""
    words = (scored(verdict),) if verdict.score is not None else unanswered(verdict)
    words = (verdict.cause, *words) if verdict.cause else words
    words = (*words, verdict.provenance) if verdict.remote else words
    return Explanation("none", words, span_ms=span_ms, note=note)


def of_rule(
    expression: Expression, view: View, units: Mapping[str, str], *, fired: bool
) -> Explanation:
    """A rule gave the label: its text, and every value in it."""
    seen = dict(terms(expression, view))
    span_ms = max(expression.span_ms.values(), default=0)
    values = ", ".join(
        f"{text} {_value(value, units.get(text, ''))}" for text, value in seen.items()
    )
    words = f"{expression.text} is {'true' if fired else 'not true'}" + (
        f": {values}" if values else ""
    )
    return Explanation("rule", (words,), terms=seen, span_ms=span_ms)


def terms(expression: Expression, view: View) -> Iterator[tuple[str, Value | None]]:
    """Every metric and function in a rule, as it would be written, and its value."""
    for leaf in leaves(expression.node):
        if isinstance(leaf, grammar.Name):
            yield leaf.metric, view.value(leaf.metric)
            continue
        span = f", {durations.render(leaf.span_ms)}" if leaf.span_ms else ""
        value = evaluate(parse(f"{leaf.function}(`{leaf.metric}`{span})"), view)
        yield f"{leaf.function}({leaf.metric}{span})", value


def scored(verdict: Verdict) -> str:
    """``score 2.31, level 1: alarm``."""
    if verdict.score is None:
        return verdict.label
    level = "" if verdict.level is None else f", level {number(verdict.level)}"
    return f"score {number(verdict.score)}{level}: {verdict.label}"


def unanswered(verdict: Verdict) -> tuple[str, ...]:
    """Why each rung did not answer."""
    reasons = tuple(f"{rung}: {why}" for rung, why in verdict.abstained.items())
    return reasons or ("nothing was heard of it",)


def _digits(*values: float) -> int:
    """So many that numbers that differ do not all look alike."""
    if len(set(values)) == 1:
        return DIGITS
    told = range(DIGITS, FINEST)
    return next((n for n in told if len({number(one, n) for one in values}) > 1), FINEST)


def number(value: float, digits: int = DIGITS) -> str:
    """A number for people: so many significant digits, no exponent where it can be helped."""
    if not isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    magnitude = floor(log10(abs(value)))
    if not -5 < magnitude < 15:  # noqa: PLR2004  # where digits alone are no help any more
        return f"{value:.2e}"
    text = f"{value:.{max(0, digits - 1 - magnitude)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _value(value: Value | None, unit: str) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else number(value)
    return f"{text} {unit}" if unit else text


def document(decision: Decision, explanation: Explanation) -> dict[str, object]:
    """What is stored with a decision, and published."""
    verdict = decision.verdict
    return {
        "decision": decision.id,
        "asset": decision.asset,
        "event": decision.event,
        "label": verdict.label,
        "rung": verdict.rung,
        "score": verdict.score,
        "level": verdict.level,
        "method": explanation.method,
        "words": list(explanation.words),
        "channels": [tree(cause) for cause in explanation.causes],
        "members": [dict(member) for member in explanation.members],
        "terms": dict(explanation.terms),
        "span_s": explanation.span_ms / 1000,
        "note": explanation.note or None,
    }


def tree(cause: Cause) -> dict[str, object]:
    """One cause in data."""
    return {
        "channel": cause.channel,
        "value": cause.value,
        "unit": cause.unit,
        "baseline": cause.baseline,
        "usual": None if cause.usual is None else list(cause.usual),
        "share": round(cause.share, 4),
    } | ({"feature": cause.feature} if cause.feature else {})
