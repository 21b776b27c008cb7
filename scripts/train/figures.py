"""Figures of the shipped package on plants it was not trained on; see ``docs/results.md``."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from gateway.demo.plant import simulate
from scripts.train.distance import Distance
from scripts.train.plant import histories, history, late

HEALTHY_SEEDS = range(5_000, 5_016)
HEALTHY_S = 1_800
"""Of each seed, three pumps: 24 hours of running."""
WORN_SEEDS = range(6_000, 6_040)
WEAR_START_S, WORN_S = 30.0, 75
TOO_HOT = 90.0
"""The demo's rule [degC]."""


@dataclass(frozen=True, slots=True)
class Wear:
    """One pump that wears out."""

    alarm_s: float
    """From the first damage to the first score of 1."""
    hot_s: float
    """From the first damage to the rule."""
    wear: float
    """At the alarm: 0 new, 1 gone."""


def healthy(model: Distance) -> tuple[int, float, float]:
    """(rows at or over the decision level, hours, largest score) of pumps that are well."""
    scores = [model.score(rows) for seed in HEALTHY_SEEDS for rows in histories(seed, HEALTHY_S)]
    every = np.concatenate(scores)
    return int(np.sum(every >= 1)), len(every) / 3600, float(every.max())


def worn(model: Distance) -> Iterator[Wear]:
    """How soon the damage is seen."""
    for seed in WORN_SEEDS:
        rows = simulate(seed, WORN_S, 1.0, WEAR_START_S)
        scores = np.r_[np.zeros(model.smoothing.length - 1), model.score(late(history(rows), seed))]
        first = next(i for i, value in enumerate(scores) if value >= 1)
        hot = next(row.at_s for row in rows if row.temperature > TOO_HOT)
        yield Wear(rows[first].at_s - WEAR_START_S, hot - WEAR_START_S, rows[first].wear)


def report(model: Distance) -> str:
    """Markdown."""
    over, hours, largest = healthy(model)
    seen = list(worn(model))
    alarms, hots = [one.alarm_s for one in seen], [one.hot_s for one in seen]
    return (
        f"healthy: {over} rows over the level in {hours:.1f} h, largest score {largest:.2f}\n"
        f"worn: {len(seen)} pumps, alarm {median(alarms):.0f} s ({min(alarms):.0f} to "
        f"{max(alarms):.0f}) after the first damage, at wear {max(o.wear for o in seen):.2f} "
        f"at most; over {TOO_HOT:.0f} degC after {median(hots):.0f} s "
        f"({min(hots):.0f} to {max(hots):.0f})"
    )
