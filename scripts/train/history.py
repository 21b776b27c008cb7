"""One's own history: from the gateway's database or a CSV file, on the grid of a model.

A CSV has a line of names. Needed: ``at`` (ISO 8601, or seconds) and the channels; may be there:
``unit`` (which machine; one without it) and the label's column. From the database come the good
readings of assets, each value held until the next, as a window would; what people said of
decisions (``edge-gateway feedback --export``) labels periods of them.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.core.verdicts import NORMAL
from gateway.store.reader import Reader

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ALL = 10_000_000
GAP_PERIODS = 3
"""A value older than so many periods is not held any further; the history is cut there."""


@dataclass(frozen=True, slots=True)
class History:
    """One machine without a gap."""

    unit: str
    values: Floats
    """rows x channels."""
    faulty: Flags
    """rows."""


def from_csv(
    file: Path, channels: Sequence[str], period_s: float, label: str = ""
) -> list[History]:
    """Read a CSV.

    Raises:
        ValueError: a column is missing, or a line is no number; the message says which.
    """
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    wanted = ["at", *channels, *([label] if label else [])]
    missing = [name for name in wanted if not rows or name not in rows[0]]
    if missing:
        raise ValueError(f"{file}: no column {', '.join(missing)}")
    units: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        units.setdefault(row.get("unit") or file.stem, []).append(row)
    return [
        piece
        for unit, own in units.items()
        for piece in _pieces(unit, _table(file, own, channels, label), channels, period_s)
    ]


class Period(NamedTuple):
    """A time of a machine that somebody labelled."""

    start_s: float
    end_s: float
    faulty: bool


def read_labels(file: Path) -> dict[str, list[Period]]:
    """What ``edge-gateway feedback --export`` wrote: asset -> periods, the last word last.

    Raises:
        ValueError: a column is missing, or a line cannot be read; the message says which.
    """
    found: dict[str, list[Period]] = {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            try:
                found.setdefault(row["asset"], []).append(_period(row))
            except (KeyError, ValueError, AttributeError, TypeError) as error:
                raise ValueError(f"{file}: line {number}: {error}") from error
    return found


def _period(row: Mapping[str, str]) -> Period:
    start, end, label = _seconds(row["start"]), _seconds(row["end"]), row["label"].strip()
    if not label or end < start:
        raise ValueError("it needs a label, and an end after its start")
    return Period(start, end, label != NORMAL)


def _faulty(at_s: float, periods: Sequence[Period]) -> bool:
    """What was said last of this time; what nobody spoke of counts as healthy."""
    said = [one.faulty for one in periods if one.start_s <= at_s <= one.end_s]
    return said[-1] if said else False


def from_store(
    store: Path,
    assets: Sequence[str],
    channels: Mapping[str, str],
    period_s: float,
    labels: Mapping[str, Sequence[Period]] | None = None,
) -> list[History]:
    """Read the gateway's own database; nothing in it is labelled but by ``labels``.

    Args:
        store: the file.
        assets: one machine each.
        channels: metric -> the unit the model is to be trained in.
        period_s: of the grid.
        labels: periods of assets that people spoke of.

    Raises:
        StoreError: there is no such database or asset.
        ValueError: a metric was stored in another unit than the one named.
    """
    found: list[History] = []
    with Reader.open(store) as reader:
        for asset in assets:
            seen: list[Row] = []
            for row in reader.readings(asset, 0, limit=ALL):
                if row.metric not in channels or row.reason != "ok" or isinstance(row.value, str):
                    continue
                if row.unit != channels[row.metric]:
                    raise ValueError(
                        f"{asset} {row.metric} is stored in {row.unit or 'no unit'}, not in "
                        f"{channels[row.metric] or 'none'}: name its unit, as NAME:UNIT"
                    )
                at_s = row.at_ms / 1000
                said = {} if labels is None else {LABEL: _faulty(at_s, labels.get(asset, ()))}
                seen.append((at_s, {row.metric: float(row.value), **said}))
            found += _pieces(asset, seen, tuple(channels), period_s)
    return found


Row = tuple[float, Mapping[str, float]]
LABEL = ""
"""The key of a row's label among its values: no channel has this name."""


def _table(
    file: Path, rows: Sequence[Mapping[str, str]], channels: Sequence[str], label: str
) -> list[Row]:
    found: list[Row] = []
    for number, row in enumerate(rows, 2):
        try:
            values = {name: float(row[name]) for name in channels if row[name].strip()}
            marked = {LABEL: float(row[label] or 0)} if label else {}
            found.append((_seconds(row["at"]), {**values, **marked}))
        except ValueError as error:
            raise ValueError(f"{file}: line {number}: {error}") from error
    return found


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()


def _pieces(
    unit: str, rows: Sequence[Row], channels: Sequence[str], period_s: float
) -> Iterator[History]:
    """Rows on the grid, each with the newest values; cut where a channel was silent for long."""
    rows = sorted(rows, key=lambda row: row[0])
    times = [[at for at, values in rows if name in values] for name in channels]
    if not all(times):
        return
    start, end = max(own[0] for own in times), max(own[-1] for own in times)
    grid = start + period_s * np.arange(int((end - start) / period_s + 1e-6) + 1)
    columns, good = [], np.ones(len(grid), dtype=np.bool_)
    for name, own in zip(channels, times, strict=True):
        newest = np.searchsorted(np.array(own) - 1e-6 * period_s, grid, side="right") - 1
        good &= grid - np.array(own)[newest] <= GAP_PERIODS * period_s
        columns.append(
            np.array([float(values[name]) for _, values in rows if name in values])[newest]
        )
    faulty = np.zeros(len(grid), dtype=np.bool_)
    if LABEL in rows[0][1]:
        marks = np.array([bool(values[LABEL]) for _, values in rows])
        every = np.array([at for at, _ in rows]) - 1e-6 * period_s
        faulty = marks[np.searchsorted(every, grid, side="right") - 1]
    table = np.column_stack(columns)
    for part in np.split(np.arange(len(grid)), np.flatnonzero(np.diff(good.astype(int))) + 1):
        if good[part[0]]:
            yield History(unit, table[part], faulty[part])
