"""The Numenta Anomaly Benchmark's data and its score (Lavin & Ahmad 2015), re-implemented.

A window's earliest alarm earns up to 1, the less the later it comes (a sigmoid over the window);
every other alarm costs 0.11, less shortly after a window; a window without one costs 1. The sum is
scaled so that silence is 0 and an alarm at the start of every window 100.
"""

import csv
import gzip
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]

FALSE_COST, MISS_COST = 0.11, 1.0
PROBATION, MOST_PROBATION = 0.15, 750


@dataclass(frozen=True, slots=True)
class Stream:
    """One file."""

    name: str
    values: npt.NDArray[np.float64]
    windows: Sequence[tuple[int, int]]
    """First and last row of each labelled window."""
    days: float
    """That are scored."""

    def __len__(self) -> int:
        """Rows."""
        return len(self.values)

    @property
    def probation(self) -> int:
        """Rows at the start that are not scored."""
        return min(int(PROBATION * len(self.values)), MOST_PROBATION)


def streams(data: Path) -> Iterator[Stream]:
    """Every file of the benchmark below a directory.

    Raises:
        FileNotFoundError: there is no data.
    """
    labelled = json.loads((data / "windows.json").read_text("utf-8"))
    for name in sorted(labelled):
        file = data / f"{name.removesuffix('.gz').removesuffix('.csv')}.csv.gz"
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        at = np.array([datetime.fromisoformat(row["timestamp"]).timestamp() for row in rows])
        windows = [_rows(at, *window) for window in labelled[name]]
        probation = min(int(PROBATION * len(at)), MOST_PROBATION)
        days = float(at[-1] - at[probation]) / 86_400
        yield Stream(name, np.array([float(row["value"]) for row in rows]), windows, days)


def _rows(at: npt.NDArray[np.float64], first: str, last: str) -> tuple[int, int]:
    low, high = (datetime.fromisoformat(text).timestamp() for text in (first, last))
    inside = np.flatnonzero((at >= low) & (at <= high))
    return int(inside[0]), int(inside[-1])


def sigmoid(position: float) -> float:
    """Worth of an alarm: -1 at a window's start, 0 at its end, beyond it positive."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def raw(stream: Stream, given: Flags) -> tuple[float, int, int]:
    """(sum, windows found, false alarms) of one file."""
    best: dict[int, float] = {}
    total, false = 0.0, 0
    for row in np.flatnonzero(given).tolist():
        if row < stream.probation:
            continue
        inside = next((i for i, (a, b) in enumerate(stream.windows) if a <= row <= b), None)
        if inside is not None:
            first, last = stream.windows[inside]
            worth = sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1.0)
            best[inside] = max(best.get(inside, -1.0), worth)
            continue
        false += 1
        before = [(a, b) for a, b in stream.windows if b < row]
        if before:
            first, last = before[-1]
            total += FALSE_COST * sigmoid((row - last) / max(last - first, 1))
        else:
            total -= FALSE_COST
    missed = len(stream.windows) - len(best)
    return total + sum(best.values()) - MISS_COST * missed, len(best), false


@dataclass(frozen=True, slots=True)
class Score:
    """What one detector did on some files."""

    nab: float
    found: int
    of: int
    false_per_day: float

    def __str__(self) -> str:
        return f"{self.nab:.1f} | {self.found}/{self.of} | {self.false_per_day:.3f}"


def score(every: Sequence[Stream], given: Sequence[Flags]) -> Score:
    """Score alarms on files together."""
    parts = [raw(stream, flags) for stream, flags in zip(every, given, strict=True)]
    windows = sum(len(stream.windows) for stream in every)
    silence = -MISS_COST * windows
    nab = 100 * (sum(part[0] for part in parts) - silence) / (windows - silence)
    days = sum(stream.days for stream in every)
    return Score(nab, sum(p[1] for p in parts), windows, sum(p[2] for p in parts) / days)
