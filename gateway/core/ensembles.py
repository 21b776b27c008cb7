"""Ensembles: several models judge one asset, and their word is one.

Scores of different models are not numbers of one kind, so each is first written in multiples of
its own model's mildest ``on`` level: at 1 that model alone would raise its label. ``mean``,
``median`` and ``max`` combine these; ``vote`` counts labels, and a tie goes to the worse one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gateway.core.verdicts import NORMAL

How = Literal["mean", "median", "max", "vote"]


class Bound(NamedTuple):
    """A decision level of a model, or of an ensemble."""

    label: str
    on: float
    off: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How a model's scores are read."""

    levels: tuple[Bound, ...] = ()
    """Mildest first."""
    below: bool = False
    """Low scores are the bad ones."""

    def relative(self, score: float) -> float:
        """In multiples of the mildest ``on`` level, more is worse.

        A level that is not above 0 has no multiples: then the distance to it counts, and 1 is it.
        """
        on = self.levels[0].on
        if on <= 0 or (self.below and score <= 0):
            return 1 + (on - score if self.below else score - on)
        return on / score if self.below else score / on

    def bounds(self) -> tuple[Bound, ...]:
        """Its levels on that scale."""
        relative = self.relative
        return tuple(Bound(one.label, relative(one.on), relative(one.off)) for one in self.levels)


class Heard(NamedTuple):
    """What one member said."""

    model: str
    version: str
    hash: str
    label: str
    score: float
    relative: float

    def document(self) -> Mapping[str, object]:
        """As it is stored and published."""
        return {**self._asdict(), "relative": round(self.relative, 6)}


class Combined(NamedTuple):
    """What they say together."""

    label: str
    score: float
    level: float
    """``score`` was held against this."""


def combine(
    heard: Sequence[Heard], how: How, bounds: Sequence[Bound], held: str = NORMAL
) -> Combined:
    """Combine at least one member's word.

    Args:
        heard: the members that answered.
        how: mean, median, max or vote.
        bounds: the levels of the ensemble on the relative scale, mildest first.
        held: the label so far: a level holds until the score is below its ``off``.
    """
    if how == "vote":
        return _vote([one.label for one in heard], [bound.label for bound in bounds])
    scores = [one.relative for one in heard]
    from statistics import fmean, median  # 0.7 MB, which only an ensemble should cost

    score = fmean(scores) if how == "mean" else median(scores) if how == "median" else max(scores)
    labels = [bound.label for bound in bounds]
    rank = labels.index(held) if held in labels else -1
    for index, bound in reversed(list(enumerate(bounds))):
        level = bound.off if index <= rank else bound.on
        if score >= level:
            return Combined(bound.label, score, level)
    return Combined(NORMAL, score, bounds[0].off if rank >= 0 else bounds[0].on)


def _vote(labels: Sequence[str], known: Sequence[str]) -> Combined:
    """The label with the most votes; ``score`` is its share, or that of what is not normal."""
    order = [NORMAL, *known]

    def weight(label: str) -> tuple[int, int, str]:
        rank = order.index(label) if label in order else len(order)
        return labels.count(label), rank, label

    label = max(set(labels), key=weight)
    against = sum(one != NORMAL for one in labels)
    return Combined(label, against / len(labels), 0.5)
