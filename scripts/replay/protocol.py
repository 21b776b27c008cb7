"""The scoring protocol of the pump test bed: causal, pooled, never point-adjusted.

Of every run the first 400 rows are for calibration and the rest is scored: one alarm or none per
row, decided from that row and earlier ones. The confusion matrix is pooled over the runs. F1 means
nothing alone (an alarm that is always on has 0.70), so FAR and MAR stand beside it, and what an
operator would feel: events found, delay, false onsets per hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from scripts.train.datasets import Flags, Run

CALIBRATION_ROWS = 400


@dataclass(frozen=True, slots=True)
class Score:
    """What one detector did on some runs."""

    f1: float
    far: float
    """Share of normal rows that were called faulty."""
    mar: float
    """Share of faulty rows that were missed."""
    events: int
    """Runs whose fault was called at least once while it lasted."""
    of: int
    """Runs with a fault."""
    delay_s: float
    """Median, from the first faulty row to the first alarm on one, of the faults found."""
    onsets_per_h: float
    """Alarms that began on a normal row, per hour of normal rows."""

    def __str__(self) -> str:
        return (
            f"{self.f1:.3f} | {100 * self.far:.1f} | {100 * self.mar:.1f} | "
            f"{self.events}/{self.of} | {self.delay_s:.0f} | {self.onsets_per_h:.1f}"
        )


def score(runs: Sequence[Run], alarms: Sequence[Flags]) -> Score:
    """Score a detector.

    Args:
        runs: whole runs.
        alarms: per run, one flag per row, of which the first 400 are not looked at.
    """
    hits = false = missed = quiet = onsets = of = 0
    delays: list[float] = []
    normal_s = 0.0
    for run, flags in zip(runs, alarms, strict=True):
        alarm, faulty = flags[CALIBRATION_ROWS:], run.faulty[CALIBRATION_ROWS:]
        at_s = run.at_s[CALIBRATION_ROWS:]
        hits += int(np.sum(alarm & faulty))
        false += int(np.sum(alarm & ~faulty))
        missed += int(np.sum(~alarm & faulty))
        quiet += int(np.sum(~alarm & ~faulty))
        onsets += int(np.sum(alarm & ~faulty & ~np.r_[False, alarm[:-1]]))
        normal_s += float(np.sum(~faulty))  # one row a second
        if faulty.any():
            of += 1
            found = np.flatnonzero(alarm & faulty)
            delays += [float(at_s[found[0]] - at_s[np.argmax(faulty)])] if len(found) else []
    return Score(
        f1=2 * hits / max(2 * hits + false + missed, 1),
        far=false / max(false + quiet, 1),
        mar=missed / max(missed + hits, 1),
        events=len(delays),
        of=of,
        delay_s=median(delays) if delays else float("nan"),
        onsets_per_h=3600 * onsets / max(normal_s, 1),
    )
