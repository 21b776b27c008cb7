"""A streaming detector for one slow sensor: three scores of each value, and their mean.

- ``Forecast``: how badly the last eight values foretold this one (recursive least squares).
- ``Level``: how far the value lies from the usual ones (robust z over a long memory).
- ``Shape``: how badly the last day-part looks like what was seen first (principal components of
  windows of the probation).

Each is turned into how unusual it is *for this score*: the Gaussian tail of its recent mean
against its own long history, as the square root of its digits, so that it grows like a number of
standard deviations. O(1) memory per value, no look-ahead, no labels, no settings per file.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ORDER = 8
FORGET = 0.9995
MEMORY = 2_000
"""Values that ``Level`` remembers, about."""
RECENT = (5, 15, 3)
LONG = (5_000, 2_000, 5_000)
"""Of forecast, level and shape: values whose mean is held against how many before."""
WINDOW, PARTS = 32, 4
LEARNT = 0.67
"""Share of the probation that the components are learnt from."""
SETTLED = 16
"""Values before there is a centre and a spread."""
FAR = 50.0
"""Spreads beyond which a value says no more."""
MOST_Z = 37.0
"""The tail beyond is no float."""
DIGITS = 100.0
"""A tail of 1e-100 counts as 1, of 1e-25 as a half."""
REFRACTORY = 0.05
"""After an alarm, silence for this share of what has been seen so far: one event, one alarm."""


@dataclass(slots=True)
class Tail:
    """How unusual the recent mean of a score is, 0 to 1."""

    length: int
    """Of the recent mean."""
    long: int
    """What it is held against."""
    recent: deque[float] = field(default_factory=deque)
    mean: float = 0.0
    variance: float = 0.0
    count: int = 0

    def update(self, score: float) -> float:
        """Take one raw score; what it is worth."""
        self.recent.append(score)
        if len(self.recent) > self.length:
            self.recent.popleft()
        short = sum(self.recent) / len(self.recent)
        found = 0.0
        if self.count > self.length:
            z = (short - self.mean) / (math.sqrt(self.variance) + 1e-9)
            tail = 0.5 * math.erfc(min(z, MOST_Z) / math.sqrt(2))
            found = math.sqrt(min(1.0, max(0.0, -math.log10(tail) / DIGITS)))
        self.count += 1
        rate = max(1 / self.long, 1 / self.count)
        off = score - self.mean
        self.mean += rate * off
        self.variance += rate * (off * off - self.variance)
        return found


class Forecast:
    """The residual of a linear forecast, in its own usual size."""

    def __init__(self) -> None:
        self._weights = np.zeros(ORDER + 1)
        self._inverse = np.eye(ORDER + 1) * 100.0
        self._past: deque[float] = deque([0.0] * ORDER, maxlen=ORDER)

    def update(self, value: float) -> float:
        """Take one value; the absolute residual."""
        row = np.array([1.0, *self._past])
        residual = value - float(self._weights @ row)
        gain = self._inverse @ row
        gain /= FORGET + float(row @ gain)
        self._weights += gain * residual
        self._inverse = (self._inverse - np.outer(gain, row @ self._inverse)) / FORGET
        self._inverse = (self._inverse + self._inverse.T) / 2
        self._past.append(value)
        return abs(residual)


class Level:
    """Distance from the median in spreads, both by stochastic steps (no window is kept)."""

    def __init__(self) -> None:
        self._quartiles = [0.0, 0.0, 0.0]
        self._count = 0

    def update(self, value: float) -> float:
        """Take one value; its robust z."""
        low, middle, high = self._quartiles
        z = abs(value - middle) / (max(high - low, 1e-3))
        self._count += 1
        step = max(1 / MEMORY, 0.5 / self._count) * max(high - low, 0.05) * 4
        for i, share in enumerate((0.25, 0.5, 0.75)):
            up = share if value > self._quartiles[i] else share - 1
            self._quartiles[i] += step * up
        return z


class Shape:
    """What is left of a window beside the components learnt in the probation."""

    def __init__(self) -> None:
        self._past: deque[float] = deque(maxlen=WINDOW)
        self._seen: list[Floats] = []
        self._parts: Floats | None = None
        self._mean: Floats | None = None

    def learn(self) -> Iterator[float]:
        """The probation is over: learn from most of it, and yield what the rest leaves over."""
        cut = int(LEARNT * len(self._seen))
        if cut > WINDOW:
            rows = np.stack(self._seen[:cut])
            self._mean = rows.mean(axis=0)
            _, _, parts = np.linalg.svd(rows - self._mean, full_matrices=False)
            self._parts = parts[:PARTS]
            yield from (self._rest(window) for window in self._seen[cut:])
        self._seen.clear()

    def update(self, value: float, *, probation: bool) -> float:
        """Take one value; the root mean square of the rest."""
        self._past.append(value)
        if len(self._past) < WINDOW:
            return 0.0
        window = np.array(self._past)
        if probation:
            self._seen.append(window)
            return 0.0
        return self._rest(window)

    def _rest(self, window: Floats) -> float:
        if self._parts is None or self._mean is None:
            return 0.0
        off = window - self._mean
        rest = off - (off @ self._parts.T) @ self._parts
        return float(np.sqrt(np.mean(rest * rest)))


def scores(values: Iterable[float], probation: int) -> Iterator[float]:
    """One score per value, each from that value and earlier ones; 0 in the probation."""
    forecast, level, shape = Forecast(), Level(), Shape()
    tails = [Tail(length, long) for length, long in zip(RECENT, LONG, strict=True)]
    scale, centre = 1.0, 0.0
    seen: list[float] = []
    for index, raw in enumerate(values):
        probing = index < probation
        if probing:
            seen.append(raw)
            if index < SETTLED:
                yield 0.0
                continue
            if index < 4 * SETTLED or index % SETTLED == 0:
                centre, scale = float(np.median(seen)), _spread(seen)
        if index == probation:
            for rest in shape.learn():
                tails[2].update(rest)
        value = max(-FAR, min(FAR, (raw - centre) / scale))
        raw_scores = (
            math.log1p(forecast.update(value)),
            math.log1p(level.update(value)),
            shape.update(value, probation=probing),
        )
        judging = tails[:2] if probing else tails
        found = [tail.update(part) for tail, part in zip(judging, raw_scores, strict=False)]
        yield 0.0 if probing else sum(found) / len(found)


def _spread(values: list[float]) -> float:
    low, high = np.quantile(values, (0.1, 0.9))
    return float(max(high - low, np.std(values), 1e-6))


def alarms(found: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    """Rows at which an alarm is given: over the threshold, and none lately."""
    given = np.zeros(len(found), dtype=np.bool_)
    silent = -1.0
    for row in np.flatnonzero(found >= threshold).tolist():
        if row >= silent:
            given[row] = True
            silent = row + max(REFRACTORY * row, 1)
    return given
