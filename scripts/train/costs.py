"""The decision level from what a miss and a false alarm cost, per event and not per row.

A machine that fails without an alarm in time is one miss; an alarm that begins while its machine is
well is one false alarm, however long it lasts. An operator pays for these, not for rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Costs:
    """In any currency: only their ratio counts."""

    miss: float
    false_alarm: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What a model said of one machine, in time."""

    scores: Floats
    """High is bad."""
    faulty: Flags
    """Rows on which an alarm is right; all False for a machine that stayed well."""


def count(traces: Sequence[Trace], level: float) -> tuple[int, int]:
    """(misses, false alarms) at a level."""
    misses = false = 0
    for trace in traces:
        alarm = trace.scores >= level
        onsets = alarm & ~np.r_[False, alarm[:-1]]
        false += int(np.sum(onsets & ~trace.faulty))
        misses += int(trace.faulty.any() and not (alarm & trace.faulty).any())
    return misses, false


def cost(traces: Sequence[Trace], level: float, costs: Costs) -> float:
    """What a level costs."""
    misses, false = count(traces, level)
    return costs.miss * misses + costs.false_alarm * false


def choose(traces: Sequence[Trace], costs: Costs, candidates: int = 200) -> float:
    """The cheapest level; in the middle of the cheapest stretch, far from both its edges.

    Raises:
        ValueError: there are no scores.
    """
    scores = np.concatenate([trace.scores for trace in traces])
    if not len(scores):
        raise ValueError("no scores to choose a level from")
    levels = np.unique(np.quantile(scores, np.linspace(0, 1, candidates)))
    levels = np.r_[levels, np.nextafter(levels[-1], np.inf)]
    prices = [cost(traces, float(level), costs) for level in levels]
    best = np.flatnonzero(np.array(prices) == min(prices))
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return float(levels[longest[len(longest) // 2]])
