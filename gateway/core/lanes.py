"""Lanes: the way of one report's readings into the windows of an asset, worked out once.

Devices say the same metrics again and again, so what belongs where is looked up by all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import add, itemgetter, mul
from typing import Final, NamedTuple, cast

from gateway.core.pace import Pace
from gateway.core.questions import ModelState
from gateway.core.readings import Metric, Value
from gateway.core.windows import Window

LANES: Final = 64
"""Mixtures of metrics that are remembered; then the memory starts anew."""

Column = tuple[ModelState, int, float, float]
"""A channel of a model, its place, and scale and offset from the metric's unit to the channel's."""
Columns = Mapping[str, Sequence[Column]]
"""Metric -> where models take it."""


class Feed(NamedTuple):
    """What of a report one model takes."""

    state: ModelState
    channels: tuple[int, ...]
    pick: Callable[[Sequence[Value]], Sequence[Value]]
    """Their values, in the order of the channels."""
    scales: tuple[float, ...]
    """Empty where the units are the same."""
    offsets: tuple[float, ...]

    def take(self, values: Sequence[Value], at_ms: int) -> Sequence[Window]:
        """Give a report's values, no texts, to the model's windows; what they make due."""
        picked = cast("Sequence[float]", self.pick(values))
        if self.scales:
            picked = tuple(map(add, map(mul, picked, self.scales), self.offsets))
        return self.state.windows.take_all(self.channels, at_ms, picked)


class Lane(NamedTuple):
    """The way of readings of these metrics."""

    names: tuple[str, ...]
    paces: tuple[Pace, ...]
    """Of those that a model takes."""
    feeds: tuple[Feed, ...]


def columns(states: Iterable[ModelState]) -> tuple[Columns, Columns]:
    """Where models take each metric: as a number, and as a signal."""
    numbers: dict[str, list[Column]] = {}
    signals: dict[str, list[Column]] = {}
    for state in states:
        conversions = state.conversions or ((1.0, 0.0),) * len(state.columns)
        for place, metric in enumerate(state.columns):
            found = signals if state.windows.shape.channels[place].rate_hz else numbers
            found.setdefault(metric, []).append((state, place, *conversions[place]))
    return numbers, signals


class Lanes(dict[tuple[Metric, ...], Lane]):
    """Metrics that came together -> their way."""

    def __init__(self, wanted: Columns, paces: Mapping[str, Pace]) -> None:
        """``paces``: of every metric that a model takes."""
        super().__init__()
        self._wanted, self._paces = wanted, paces

    def __missing__(self, metrics: tuple[Metric, ...]) -> Lane:
        """Work a way out."""
        if len(self) >= LANES:
            self.clear()
        names = tuple(metric.name for metric in metrics)
        found: dict[int, list[tuple[int, Column]]] = {}
        for place, name in enumerate(names):
            for column in self._wanted.get(name, ()):
                found.setdefault(id(column[0]), []).append((place, column))
        paces = tuple(self._paces[name] for name in names if name in self._wanted)
        self[metrics] = way = Lane(names, paces, tuple(map(_feed, found.values())))
        return way


def _feed(found: Sequence[tuple[int, Column]]) -> Feed:
    places = [place for place, _ in found]
    states, channels, scales, offsets = zip(*(column for _, column in found), strict=True)
    same = set(scales) == {1.0} and set(offsets) == {0.0}
    given = ((), ()) if same else (scales, offsets)
    return Feed(states[0], channels, _picker(places), *given)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    if len(places) == 1:
        place = places[0]
        return lambda values: (values[place],)
    return itemgetter(*places)
