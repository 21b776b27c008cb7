"""Uncertainty: when a model must not answer, though its window is whole and its score is a number.

Out of distribution: too many cells of the window lie outside what the model was trained on. Such a
window is not shown to the model. Uncertain: the conformal interval about the score reaches from one
label to another (split conformal prediction, Vovk et al., Algorithmic Learning in a Random World).
The interval covers healthy scores as often as it says only while the machine is like those it was
calibrated on; a new kind of fault breaks it. Both gates exist for a model only where its package
declares them: a detector of anomalies must not abstain because a fault is unlike its training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Decide = Callable[[float, str], tuple[str, float]]


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """Limits per column, in what the graph is given: after local calibration where there is one."""

    names: tuple[str, ...]
    limits: tuple[tuple[float, float] | None, ...]
    """None: the column is not held against anything."""
    max_share: float
    """Of all cells of a window, how many may lie outside."""

    def outside(self, values: Sequence[float]) -> str:
        """Which channel is out of range most, and the share of all cells; empty while few are."""
        columns = len(self.limits)
        counts = [
            0 if limit is None else sum(not limit[0] <= v <= limit[1] for v in values[i::columns])
            for i, limit in enumerate(self.limits)
        ]
        share = sum(counts) / max(len(values), 1)
        if share <= self.max_share:
            return ""
        return f"range {self.names[counts.index(max(counts))]}: {share:.0%} of the window outside"


@dataclass(frozen=True, slots=True)
class Conformal:
    """Half the width of the interval about a score."""

    q: float
    coverage: float
    """How often the truth lies within, on what it was calibrated on."""
    calibrated_on: str
    bands: tuple[tuple[float, float], ...] = ()
    """(a score below this, its own q), rising: a model that errs less where it says less."""

    def half(self, score: float) -> float:
        """The q of a score."""
        return next((q for below, q in self.bands if score < below), self.q)

    def interval(self, score: float) -> tuple[float, float]:
        """[score - q, score + q]."""
        q = self.half(score)
        return score - q, score + q

    def crosses(self, score: float, held: str, decide: Decide) -> str:
        """The two labels that the interval reaches, in words; empty when it is one."""
        low, high = self.interval(score)
        ends = [decide(end, held)[0] for end in (low, high)]
        if ends[0] == ends[1]:
            return ""
        return f"interval {low:.3g} to {high:.3g}: {ends[0]} or {ends[1]}"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a package declares of both; the default trusts every number."""

    ood: TrainingRange | None = None
    conformal: Conformal | None = None
