"""Calibration: what normal looks like on this one asset, learnt from its first rows.

A model trained elsewhere knows how channels move together, not where this machine's sensors stand.
So the first ``rows`` complete rows of an asset give a mean and a standard deviation per channel,
and every window is standardised with them before it is judged: each channel minus its mean, divided
by its standard deviation. Once ready nothing changes any more: a fault that grows slowly must not
become the new normal. The running sums survive a restart as text.

A channel that wanders (warm-up, load) has small changes from row to row and large ones from minute
to minute: its plain standard deviation promises a calm it does not keep. The method of batch means
sees that: were the rows independent, means of ``BATCH`` rows would spread ``sqrt(BATCH)`` times
less than the rows, so that many times their spread is the standard deviation the channel has in
the long run (Law & Kelton, Simulation Modeling and Analysis, "batch means"). The larger counts.
"""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any, Self

BATCH = 20
"""Rows in one batch mean."""
MIN_BATCHES = 5
"""Fewer say nothing about a spread."""
RELATIVE_FLOOR = 1e-3
"""A channel that stood still counts as known to a thousandth of its mean: its next change is an
event, but not an infinite one."""
INFINITE = float("inf")
ABSOLUTE_FLOOR = 1e-6
"""The same for a channel that stood still at 0."""


@dataclass(slots=True)
class _Moments:
    """Running mean and sum of squared deviations per column (Welford 1962): no cancellation."""

    mean: list[float]
    square: list[float]
    count: int = 0

    @classmethod
    def of(cls, columns: int) -> Self:
        return cls([0.0] * columns, [0.0] * columns)

    def add(self, row: Sequence[float]) -> None:
        self.count += 1
        for i, value in enumerate(row):
            off = value - self.mean[i]
            self.mean[i] += off / self.count
            self.square[i] += off * (value - self.mean[i])

    def sd(self) -> list[float]:
        return [sqrt(square / max(self.count, 1)) for square in self.square]

    def tree(self) -> dict[str, object]:
        return {"mean": self.mean, "square": self.square, "count": self.count}

    @classmethod
    def parse(cls, tree: Any, columns: int, counts: range) -> Self:
        """Raises ValueError, TypeError, KeyError or OverflowError when it is none."""
        moments = cls(tree["mean"], tree["square"], tree["count"])
        numbers = [*moments.mean, *moments.square]
        sizes = len(moments.mean) == len(moments.square) == columns
        if not sizes or moments.count not in counts or not all(map(isfinite, numbers)):
            raise ValueError("of another shape")
        if min(moments.square) < 0:
            raise ValueError("no sums of squares")
        return moments


@dataclass(frozen=True, slots=True)
class ScoreLevel:
    """The first decision level as a quantile of this asset's own healthy scores, times a factor."""

    quantile: float
    factor: float
    rows: int
    """How many scores are learnt from."""
    on: float
    """The package's own first level, above 0."""

    def ratio(self, scores: Sequence[float]) -> float:
        """How many times the package's level the learnt one is; never 0."""
        ordered = sorted(scores)
        found = ordered[min(len(ordered) - 1, int(self.quantile * len(ordered)))]
        return max(found * self.factor / self.on, ABSOLUTE_FLOOR)


@dataclass(slots=True)
class Calibration:
    """Mean and standard deviation per channel of one asset for one model."""

    rows: int
    """How many are learnt from."""
    columns: int
    number: int = 1
    """Counts the calibrations of one asset for one model."""
    source: str = ""
    """What it was asked for with; empty for the automatic one, on the first rows."""
    at_ms: int = 0
    """When it became ready, UTC epoch ms; 0 before."""
    level: ScoreLevel | None = None
    """Learnt next, from the scores of standardised windows."""
    ratio: float | None = None
    """What scores are divided by; None until that is learnt."""
    _scores: "array[float]" = field(default_factory=lambda: array("d"))
    _rows: _Moments = field(init=False)
    _batches: _Moments = field(init=False)
    _batch: _Moments = field(init=False)
    _sd: list[float] = field(init=False)

    def __post_init__(self) -> None:
        """Start empty.

        Raises:
            ValueError: less than two rows have no standard deviation; no columns, no mean.
        """
        if self.rows < 2 or self.columns < 1:  # noqa: PLR2004  # said above
            raise ValueError(f"{self.rows} x {self.columns} cannot be calibrated on")
        self._rows, self._batches, self._batch = (_Moments.of(self.columns) for _ in range(3))
        self._sd = [1.0] * self.columns

    @property
    def seen(self) -> int:
        """Rows learnt from so far, up to ``rows``."""
        return self._rows.count

    @property
    def ready(self) -> bool:
        """Enough rows were seen; from here on nothing changes."""
        return self._rows.count >= self.rows

    @property
    def progress(self) -> int:
        """Rows and scores learnt from so far."""
        scores = 0 if self.level is None else self.level.rows
        return self.seen + (len(self._scores) if self.ratio is None else scores)

    def scaled(self, score: float) -> float | None:
        """A score in the package's levels; None while this asset's own level is learnt from it."""
        if self.level is None:
            return score
        if self.ratio is None:
            self._scores.append(score)
            if len(self._scores) >= self.level.rows:
                self.ratio = self.level.ratio(self._scores)
                self._scores = array("d")
            return None
        return score / self.ratio

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, of the rows seen so far."""
        return tuple(self._rows.mean)

    @property
    def sd(self) -> tuple[float, ...]:
        """Per channel, in the long run, floored; 1 until ready."""
        return tuple(self._sd)

    def add(self, row: Sequence[float]) -> bool:
        """Learn from one row in channel order; True once ready.

        A row with a gap (nan) or another number of values is left out.
        """
        if self.seen < self.rows and len(row) == self.columns and all(map(isfinite, row)):
            self._rows.add(row)
            self._batch.add(row)
            if self._batch.count == BATCH:
                self._batches.add(self._batch.mean)
                self._batch = _Moments.of(self.columns)
            if self.seen == self.rows:
                self._freeze()
        return self.ready

    def apply(self, values: "array[float]", columns: int) -> "array[float]":
        """Standardise a window, row-major.

        Raises:
            ValueError: it is not ready, or the window is of another shape.
        """
        if not self.ready or columns != self.columns or len(values) % columns:
            raise ValueError(f"{self.seen} of {self.rows} rows, {len(values)} values of {columns}")
        standardised = array("d", values)
        for i, (mean, sd) in enumerate(zip(self._rows.mean, self._sd, strict=True)):
            standardised[i::columns] = array("d", [(v - mean) / sd for v in values[i::columns]])
        return standardised

    def to_json(self) -> str:
        """Everything, as text for the store."""
        parts = {"rows": self._rows, "batches": self._batches, "batch": self._batch}
        head = {"of": self.rows, "number": self.number, "source": self.source, "at_ms": self.at_ms}
        head |= {"ratio": self.ratio, "scores": self._scores.tolist()}
        return json.dumps(head | {name: part.tree() for name, part in parts.items()})

    @classmethod
    def from_json(cls, text: str, rows: int, columns: int, level: ScoreLevel | None = None) -> Self:
        """Go on from ``to_json``; start anew when it was made for another shape, or is damaged.

        One that was asked for keeps its own number of rows.
        """
        kept = cls(rows, columns, level=level)
        try:
            tree = json.loads(text)
            asked, of = str(tree.get("source", "")), int(tree["of"])
            if of != rows and not asked:
                return kept
            made = cls(of, columns, int(tree.get("number", 1)), asked, int(tree.get("at_ms", 0)))
            made._resume(level, tree)
            moments = _Moments.parse(tree["rows"], columns, range(of + 1))
            batches = _Moments.parse(tree["batches"], columns, range(moments.count // BATCH + 1))
            batch = _Moments.parse(tree["batch"], columns, range(BATCH))
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
            return kept
        made._rows, made._batches, made._batch = moments, batches, batch
        if made.ready:
            made._freeze()
        return made

    def _resume(self, level: ScoreLevel | None, tree: Any) -> None:
        """Go on with the level, too; raises ValueError or TypeError when it is damaged."""
        ratio, scores = tree.get("ratio"), array("d", tree.get("scores", ()))
        if not all(map(isfinite, scores)) or (ratio is not None and not 0 < ratio < INFINITE):
            raise ValueError("no level")
        self.level = level
        if level is not None and len(scores) < level.rows:
            self.ratio, self._scores = ratio, scores

    def _freeze(self) -> None:
        enough = self._batches.count >= MIN_BATCHES
        slow = self._batches.sd() if enough else [0.0] * self.columns
        self._sd = [
            max(fast, sqrt(BATCH) * spread, RELATIVE_FLOOR * abs(mean), ABSOLUTE_FLOOR)
            for fast, spread, mean in zip(self._rows.sd(), slow, self._rows.mean, strict=True)
        ]
