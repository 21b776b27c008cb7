"""Usual: between what the metrics of an asset usually lie, as its models know it."""

from collections.abc import Iterable, Iterator
from typing import Final

from gateway.core.inquiries import SPREAD
from gateway.core.ladder import ModelState

Band = tuple[float, float]
DIGITS: Final = 5
"""Significant ones: a band is looked at, not computed with."""


def usual(states: Iterable[ModelState]) -> dict[str, Band]:
    """Metric -> low and high in the metric's unit; where models differ, the first one's.

    What was learnt on the machine itself goes before what the package says, and before what the
    watch on drift has seen so far.
    """
    found: dict[str, Band] = {}
    for state in states:
        if not state.features:  # of signals: features are not what a metric shows
            for metric, band in _bands(state):
                found.setdefault(metric, band)
    return found


def _bands(state: ModelState) -> Iterator[tuple[str, Band]]:
    for i, channel in enumerate(state.windows.shape.channels):
        band = _learnt(state, i) or state.explain.usual.get(channel.name) or _watched(state, i)
        if band is not None:
            scale, offset = state.conversions[i] if state.conversions else (1.0, 0.0)
            low, high = sorted((value - offset) / scale for value in band)
            yield state.columns[i], (_short(low), _short(high))


def _learnt(state: ModelState, i: int) -> Band | None:
    known = state.calibration
    if known is None or not known.ready:
        return None
    far = SPREAD * known.sd[i]
    return known.mean[i] - far, known.mean[i] + far


def _watched(state: ModelState, i: int) -> Band | None:
    if state.drift is None or not state.drift.each[i].ready:
        return None
    one = state.drift.each[i]
    return one.mean - SPREAD * one.sd, one.mean + SPREAD * one.sd


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
