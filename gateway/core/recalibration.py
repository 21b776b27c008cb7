"""Recalibration: what is normal, learnt from readings that were stored, on request."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from gateway.core.assets import Asset
from gateway.core.calibration import Calibration
from gateway.core.ladder import ModelState
from gateway.core.latest import Latest
from gateway.core.readings import Reading
from gateway.core.running import Running
from gateway.core.spans import spans
from gateway.core.windows import Windows

LEAST: Final = 20
"""Fewer whole rows say nothing about a spread."""

Stored = tuple[int, str, float | bool]
"""at_ms, metric, value in the metric's unit; good readings only, oldest first."""


def rows(
    readings: Iterable[Stored], state: ModelState, asset: Asset
) -> Iterator[tuple[float, ...]]:
    """The whole rows of a history, as the model would have seen them while the machine ran."""
    running, latest = Running(asset.running), Latest(asset.metrics, spans(asset))
    shape = replace(state.windows.shape, length=1, stride=1, min_coverage=0.0)
    windows = Windows(shape)
    columns: dict[str, list[int]] = {}
    for column, metric in enumerate(state.columns):
        columns.setdefault(metric, []).append(column)
    for at_ms, metric, value in readings:
        if running.expression is not None and metric in asset.metrics:
            latest.take(Reading(asset.metrics[metric], value), at_ms, at_ms)
            running.see(latest.at(at_ms), at_ms)
        for column in columns.get(metric, ()):
            scale, offset = state.conversions[column] if state.conversions else (1.0, 0.0)
            for window in windows.take(column, at_ms, value * scale + offset):
                if not window.newest_has_gap and running.learns:
                    yield window.newest


def learn(history: Sequence[tuple[float, ...]], before: Calibration, source: str) -> Calibration:
    """The next calibration after ``before``, from these rows.

    Raises:
        ValueError: they are too few.
    """
    if len(history) < LEAST:
        raise ValueError(f"{len(history)} whole rows are stored of that time, {LEAST} are needed")
    made = Calibration(len(history), before.columns, before.number + 1, source, level=before.level)
    for row in history:
        made.add(row)
    return made


def summary(learnt: Calibration, columns: Sequence[str]) -> dict[str, object]:
    """What a calibration is, in data."""
    spread = zip(columns, learnt.mean, learnt.sd, strict=True)
    return {
        "number": learnt.number,
        "ready": learnt.ready,
        "seen": learnt.seen,
        "rows": learnt.rows,
        "at_ms": learnt.at_ms or None,
        "level_factor": learnt.ratio,
        "source": learnt.source or "first rows",
        "channels": {name: {"mean": mean, "sd": sd} for name, mean, sd in spread},
    }
