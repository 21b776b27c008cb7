"""Calibration: what normal looks like on this one asset, learnt from its first rows.

A model trained elsewhere knows how channels move together, not where this machine's sensors stand.
So the first ``rows`` complete rows of an asset give a mean and a standard deviation per channel,
and every window is standardised with them before it is judged: each channel minus its mean, divided
by its standard deviation. Once ready nothing changes any more: a fault that grows slowly must not
become the new normal. The running sums survive a restart as text.
"""

import json
from array import array
from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Self

RELATIVE_FLOOR = 1e-3
"""A channel that stood still counts as known to a thousandth of its mean: its next change is an
event, but not an infinite one."""
ABSOLUTE_FLOOR = 1e-6
"""The same for a channel that stood still at 0."""


class Calibration:
    """Mean and standard deviation per channel of one asset for one model."""

    def __init__(self, rows: int, columns: int) -> None:
        """Wait for so many rows of so many channels.

        Raises:
            ValueError: less than two rows have no standard deviation; no columns, no mean.
        """
        if rows < 2 or columns < 1:  # noqa: PLR2004  # said above
            raise ValueError(f"{rows} rows of {columns} columns cannot be calibrated on")
        self.rows = rows
        self.columns = columns
        self.seen = 0
        """Rows learnt from so far, up to ``rows``."""
        self._mean = [0.0] * columns
        self._square = [0.0] * columns
        """Sum of squared deviations from the running mean (Welford 1962): no cancellation."""
        self._sd = [1.0] * columns

    @property
    def ready(self) -> bool:
        """Enough rows were seen; from here on nothing changes."""
        return self.seen >= self.rows

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, of the rows seen so far."""
        return tuple(self._mean)

    @property
    def sd(self) -> tuple[float, ...]:
        """Per channel, floored, of the rows seen; 1 until ready."""
        return tuple(self._sd)

    def add(self, row: Sequence[float]) -> bool:
        """Learn from one row in channel order; True once ready.

        A row with a gap (nan) or another number of values is left out.
        """
        if self.ready:
            return True
        if len(row) != self.columns or not all(map(isfinite, row)):
            return False
        self.seen += 1
        for i, value in enumerate(row):
            off = value - self._mean[i]
            self._mean[i] += off / self.seen
            self._square[i] += off * (value - self._mean[i])
        done = self.seen == self.rows
        if done:
            self._freeze()
        return done

    def apply(self, values: "array[float]", columns: int) -> "array[float]":
        """Standardise a window, row-major.

        Raises:
            ValueError: it is not ready, or the window is of another shape.
        """
        if not self.ready or columns != self.columns or len(values) % columns:
            raise ValueError(f"{self.seen} of {self.rows} rows, {len(values)} values of {columns}")
        standardised = array("d", values)
        for i, (mean, sd) in enumerate(zip(self._mean, self._sd, strict=True)):
            standardised[i::columns] = array("d", [(v - mean) / sd for v in values[i::columns]])
        return standardised

    def to_json(self) -> str:
        """Everything, as text for the store."""
        return json.dumps(
            {"rows": self.rows, "seen": self.seen, "mean": self._mean, "square": self._square}
        )

    @classmethod
    def from_json(cls, text: str, rows: int, columns: int) -> Self:
        """Go on from ``to_json``; start anew when it was made for another shape, or is damaged."""
        calibration = cls(rows, columns)
        try:
            kept = json.loads(text)
            seen, mean, square = kept["seen"], kept["mean"], kept["square"]
            fits = kept["rows"] == rows and len(mean) == len(square) == columns
            if not fits or not all(map(isfinite, [*mean, *square])) or min(square) < 0:
                return calibration
            if seen not in range(rows + 1):
                return calibration
        except (ValueError, TypeError, KeyError, OverflowError):
            return calibration
        calibration.seen, calibration._mean, calibration._square = seen, mean, square
        if calibration.ready:
            calibration._freeze()
        return calibration

    def _freeze(self) -> None:
        self._sd = [
            max(sqrt(square / self.seen), RELATIVE_FLOOR * abs(mean), ABSOLUTE_FLOOR)
            for mean, square in zip(self._mean, self._square, strict=True)
        ]
