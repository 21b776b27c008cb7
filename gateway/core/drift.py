"""Drift: a lasting shift of one quantity, found on means of blocks that are nearly independent.

Sensor series are autocorrelated: a test that takes each sample for news finds drift in every
healthy one. So the detector first learns, on healthy rows, how long a block must be: it keeps up to
``MOST`` block means and doubles the block (Flyvbjerg and Petersen 1989) until neighbours hardly
agree. What it learnt then, mean and spread of the block means, is its reference. From there on two
one-sided cumulative sums (Page 1954) of the block means run against it. A slow process is learnt
for longer, and a random walk for ever: it is never called drift.

``scripts/bench_drift`` prints what the constants cost and find.
"""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, sqrt
from typing import Final, Self

ENOUGH: Final = 128
MOST: Final = 256
"""Block means that are learnt from: at least ``ENOUGH``; at ``MOST`` blocks are joined in pairs."""
INDEPENDENT: Final = 0.25
"""Neighbouring block means may be correlated by so much."""
FIRST_BLOCK: Final = 8
SLACK: Final = 0.75
"""Of a block mean's standard deviation: what is no drift yet."""
LEAST: Final = 0.5
"""Of a sample's standard deviation: a smaller shift is of no interest, however sure it is."""
UNSURE: Final = 2 * sqrt((1 + INDEPENDENT) / (1 - INDEPENDENT) / ENOUGH)
"""Of a block mean's standard deviation: the learnt mean itself may be off by two of its standard
errors, and that is no drift either."""
ALARM: Final = 20.0
"""A cumulative sum this high, in standard deviations of a block mean, is drift."""
RECENT: Final = 0.125
"""Weight of the newest block in the present level."""
FLOOR: Final = 1e-9


@dataclass(slots=True)
class Drift:
    """One quantity; constant in size."""

    block: int = FIRST_BLOCK
    means: list[float] = field(default_factory=list)
    """Block means while it learns; empty from then on."""
    count: int = 0
    total: float = 0.0
    """Of the open block."""
    seen: int = 0
    square: float = 0.0
    running: float = 0.0
    """Samples, their sum of squared deviations and their mean, while it learns (Welford)."""
    mean: float = 0.0
    sd: float = 0.0
    """Of a sample, learnt."""
    spread: float = 0.0
    """Of a block mean, learnt; 0 while it learns."""
    up: float = 0.0
    down: float = 0.0
    level: float = 0.0
    """The present level, a moving mean of block means."""
    drifted: bool = False

    @property
    def ready(self) -> bool:
        """It has learnt; from here on it watches."""
        return self.spread > 0

    @property
    def shift(self) -> float:
        """How far the present level is from what was learnt, in standard deviations of a sample."""
        return (self.level - self.mean) / self.sd if self.sd > 0 else 0.0

    def add(self, value: float) -> bool:
        """Take one value; True when ``drifted`` has changed."""
        if not isfinite(value):
            return False
        if not self.ready:
            self.seen += 1
            off = value - self.running
            self.running += off / self.seen
            self.square += off * (value - self.running)
        self.count += 1
        self.total += value
        if self.count < self.block:
            return False
        mean, self.count, self.total = self.total / self.count, 0, 0.0
        if self.ready:
            return self._watch(mean)
        self._learn(mean)
        return False

    def _learn(self, mean: float) -> None:
        self.means.append(mean)
        if len(self.means) >= ENOUGH and len(self.means) % 8 == 0 and self._independent():
            self._freeze()
        elif len(self.means) == MOST:
            pairs = zip(self.means[::2], self.means[1::2], strict=True)
            self.means = [(one + other) / 2 for one, other in pairs]
            self.block *= 2

    def _independent(self) -> bool:
        """Neighbouring block means hardly agree."""
        n = len(self.means)
        middle = sum(self.means) / n
        off = [mean - middle for mean in self.means]
        square = sum(one * one for one in off)
        if square <= 0:
            return True
        products = (one * other for one, other in pairwise(off))
        return sum(products) / square <= INDEPENDENT

    def _freeze(self) -> None:
        n = len(self.means)
        middle = sum(self.means) / n
        floor = max(FLOOR, 1e-6 * abs(middle))
        self.sd = max(sqrt(self.square / self.seen), floor)
        self.spread = max(sqrt(sum((one - middle) ** 2 for one in self.means) / (n - 1)), floor)
        self.mean = self.level = middle
        self.means = []

    def _watch(self, mean: float) -> bool:
        slack = max(SLACK * self.spread, LEAST * self.sd) + UNSURE * self.spread
        off = mean - self.mean
        self.level += RECENT * (mean - self.level)
        self.up = max(0.0, self.up + (off - slack) / self.spread)
        self.down = max(0.0, self.down + (-off - slack) / self.spread)
        if not self.drifted and max(self.up, self.down) >= ALARM:
            self.drifted = True
            return True
        if self.drifted and abs(self.level - self.mean) < slack / 2:
            self.drifted, self.up, self.down = False, 0.0, 0.0
            return True
        return False

    def to_tree(self) -> list[object]:
        """Everything, for the store."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_tree(cls, tree: object) -> Self:
        """Go on from ``to_tree``; start anew when it is of another shape, or damaged."""
        kept = cls()
        names = cls.__slots__
        if not isinstance(tree, list) or len(tree) != len(names):
            return kept
        for name, value in zip(names, tree, strict=True):
            wanted = type(getattr(kept, name))
            numbers = value if isinstance(value, list) else [value]
            sound = all(isinstance(one, int | float) and isfinite(one) for one in numbers)
            if not sound or isinstance(value, list) is not (wanted is list):
                return cls()
            setattr(kept, name, value if wanted is list else wanted(value))
        return kept if kept.block > 0 and len(kept.means) < MOST else cls()


@dataclass(slots=True)
class Drifts:
    """The channels of one model on one asset, and its score, in this order."""

    names: tuple[str, ...]
    """Channels in their order, then ``score``."""
    each: list[Drift] = field(default_factory=list)
    changed: bool = False
    """One of them came to drift, or came back, since it was last asked."""
    rows: int = 0

    def __post_init__(self) -> None:
        """Start with nothing learnt."""
        self.each = self.each or [Drift() for _ in self.names]

    def row(self, values: tuple[float, ...]) -> None:
        """Take one row in the order of the channels."""
        self.rows += 1
        for one, value in zip(self.each, values, strict=False):
            self.changed |= one.add(value)

    def score(self, value: float) -> None:
        """Take one score."""
        self.changed |= self.each[-1].add(value)

    def drifted(self) -> list[tuple[str, Drift]]:
        """What has drifted, by name."""
        named = zip(self.names, self.each, strict=True)
        return [(name, one) for name, one in named if one.drifted]

    def reset(self) -> None:
        """Learn anew: another model, or a new calibration."""
        self.changed = self.changed or bool(self.drifted())
        self.each = [Drift() for _ in self.names]

    def to_json(self) -> str:
        """Everything, as text for the store."""
        return json.dumps(
            {name: one.to_tree() for name, one in zip(self.names, self.each, strict=True)}
        )

    @classmethod
    def from_json(cls, text: str, names: tuple[str, ...]) -> Self:
        """Go on from ``to_json``; what is missing or damaged starts anew."""
        try:
            tree = json.loads(text)
        except ValueError:
            tree = {}
        found = tree if isinstance(tree, dict) else {}
        return cls(names, [Drift.from_tree(found.get(name)) for name in names])
