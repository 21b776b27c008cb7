"""Bounds: between which values the channels of a model may be."""

from collections.abc import Sequence
from math import inf
from operator import le

from gateway.core.shapes import Channel


class Bounds:
    """The lowest and the highest value of each channel."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        """Infinite where none is declared."""
        self._lows = [-inf if one.low is None else one.low for one in channels]
        self._highs = [inf if one.high is None else one.high for one in channels]
        self._of: dict[tuple[int, ...], tuple[list[float], list[float]]] = {}
        """Channels that come together -> theirs."""

    def hold(self, channels: tuple[int, ...], values: Sequence[float]) -> bool:
        """Every value is within the bounds of its channel, by place."""
        lows, highs = self._of.get(channels) or self._pick(channels)
        return all(map(le, lows, values)) and all(map(le, values, highs))

    def _pick(self, channels: tuple[int, ...]) -> tuple[list[float], list[float]]:
        picked = [self._lows[i] for i in channels], [self._highs[i] for i in channels]
        self._of[channels] = picked
        return picked
