"""Sparklines: a series as one line of blocks, for a terminal."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII: Final = "_.-=+*#@"
"""The same eight heights for terminals without blocks."""
WIDTH: Final = 60


def sparkline(values: Sequence[float], width: int = WIDTH, signs: str = BLOCKS) -> str:
    """The values from left to right; more than ``width`` of them are averaged in even pieces.

    The lowest is the lowest sign and the highest the highest; what never changes lies in the
    middle. Values are finite.
    """
    points = _even(values, width)
    if not points:
        return ""
    low, high = min(points), max(points)
    if low == high:
        return signs[len(signs) // 2] * len(points)
    steps = len(signs) - 1
    # Divided before they are taken from each other: the span of large values may overflow.
    half = high / 2 - low / 2
    return "".join(signs[round((value / 2 - low / 2) / half * steps)] for value in points)


def _even(values: Sequence[float], width: int) -> list[float]:
    count = min(len(values), width)
    edges = [len(values) * i // count for i in range(count + 1)] if count else []
    pieces = [values[start:end] for start, end in pairwise(edges)]
    return [sum(value / len(piece) for value in piece) for piece in pieces]
