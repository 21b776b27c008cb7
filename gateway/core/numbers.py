"""Numbers under keys, read all at once: what nearly every uplink of a device is.

Value by value, ``mapping`` takes two calls for each of them; here each step is one pass over all.
A document in which any of them is missing, is no number or is out of range is left to ``mapping``,
which says what is wrong with which.
"""

from collections.abc import Mapping, Sequence
from operator import add, itemgetter, le, mul
from typing import Final

from gateway.core.messages import Reason, Tree
from gateway.core.readings import Metric, MetricKind

_TYPES: Final = frozenset({int, float})
_KINDS: Final = frozenset({MetricKind.GAUGE, MetricKind.COUNTER})
_MAX: Final = 1.7976931348623157e308


class Numbers:
    """The metrics of one device that are plain numbers, each under a key of its own."""

    __slots__ = ("_get", "_highs", "_lows", "_offsets", "_scales", "good", "keys", "metrics")

    def __init__(self, metrics: Sequence[Metric], keys: Sequence[str]) -> None:
        """Look each metric up under the key at its place; both may be empty."""
        self.metrics = tuple(metrics)
        self.keys = tuple(keys)
        self.good = (Reason.OK,) * len(self.keys)
        self._get = itemgetter(*keys) if len(keys) > 1 else lambda tree: tuple(map(tree.get, keys))
        self._scales = tuple(one.scale for one in metrics)
        self._offsets = tuple(one.offset for one in metrics)
        self._lows = tuple(-_MAX if one.low is None else one.low for one in metrics)
        self._highs = tuple(_MAX if one.high is None else one.high for one in metrics)

    @staticmethod
    def take(metric: Metric) -> bool:
        """Whether a number is all that can be said of a metric, and every number says something."""
        return metric.kind in _KINDS and not metric.words and not metric.missing_if

    def raw(self, document: Mapping[str, Tree]) -> tuple[float, ...] | None:
        """What the device says, in the order of the metrics; None unless all are numbers."""
        try:
            raw = self._get(document)
        except KeyError:
            return None
        return raw if _TYPES.issuperset(map(type, raw)) else None

    def values(self, raw: Sequence[float]) -> tuple[float, ...] | None:
        """The same after scale and offset; None unless all are finite and in range."""
        try:
            values = tuple(map(add, map(mul, raw, self._scales), self._offsets))
        except OverflowError:
            return None
        inside = all(map(le, self._lows, values)) and all(map(le, values, self._highs))
        return values if inside else None
