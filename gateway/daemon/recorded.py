"""Recorded: what the store holds, in the words of the configuration that is to judge it.

Only what some file mapped was stored, under the metric's name, in the metric's unit, with the
reason it had then; a metric that no file mapped has no past. With ``keep: all`` its raw values have
one, and are read as they would be read today.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gateway.core import units
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.signals import Signal
from gateway.core.values import coerce
from gateway.store.history import Arrival, Stored
from gateway.store.readback import Series

_OK: Final = Reason.OK
_REASONS: Final = {reason.value: reason for reason in Reason}


class _Way(NamedTuple):
    """From a stored series to a metric."""

    metric: Metric
    scale: float = 1.0
    offset: float = 0.0
    raw: bool = False
    """It was stored without being mapped: as the device said it."""


class Recorded:
    """Turns what was stored into reports about the assets of a site."""

    def __init__(self, metrics: Iterable[Metric], series: Iterable[Series]) -> None:
        """``series``: everything that was ever stored."""
        self.metrics = tuple(metrics)
        self._by_key = {metric.key: metric for metric in self.metrics}
        self._by_raw = {_raw_key(metric): metric for metric in self.metrics}
        self._ways: dict[int, _Way | None] = {}
        self._stored = {one.key for one in series}
        self._units = {(one.key, one.unit) for one in series}
        self.seen: dict[str, int] = {}
        """Readings per metric, by its key."""

    def report(self, arrival: Arrival, mono_ms: int) -> Report | None:
        """The report as it would come in now; None when it is about nothing that is mapped."""
        readings: list[Reading] = []
        signals: dict[int, Signal] = {}
        for place, stored in enumerate(arrival.readings):
            reading = self._reading(stored)
            if reading is None:
                continue
            metric = reading.metric
            if place in arrival.signals and metric.signal and metric.unit == stored.series.unit:
                signals[len(readings)] = arrival.signals[place]
            readings.append(reading)
        if not readings:
            return None
        first = readings[0].metric
        times = (arrival.at_ms, arrival.received_at_ms, mono_ms)
        return Report(first.source, first.device, Readings.of(readings), *times, signals=signals)

    def _reading(self, stored: Stored) -> Reading | None:
        series, value, word = stored
        try:
            way = self._ways[series.id]
        except KeyError:
            way = self._ways[series.id] = self._way(series)
        if way is None:
            return None
        metric, reason = way.metric, _REASONS.get(word, Reason.TYPE)
        self.seen[metric.key] = self.seen.get(metric.key, 0) + 1
        if way.raw:
            read = coerce(metric, value)
            return read if read is None or reason is _OK else read._replace(reason=reason)
        if not isinstance(value, bool | str):
            value = float(value) * way.scale + way.offset
        return Reading(metric, value, reason)

    def _way(self, series: Series) -> _Way | None:
        metric = self._by_key.get(series.key)
        if metric is None:
            raw = self._by_raw.get(series.key)
            return None if raw is None or raw.key in self._stored else _Way(raw, raw=True)
        if metric.unit == series.unit:
            return _Way(metric)
        factors = units.convert(series.unit, metric.unit)
        return None if factors is None else _Way(metric, *factors)

    def notes(self) -> list[str]:
        """What the history lacks, one sentence per metric."""
        return [note for metric in self.metrics if (note := self._note(metric))]

    def _note(self, metric: Metric) -> str:
        stored = sorted(unit for key, unit in self._units if key == metric.key)
        if not stored and _raw_key(metric) in self._stored:
            return f"{metric.key}: was not mapped; its raw values were kept, and are used"
        if not stored:
            return f"{metric.key}: never stored (no file mapped it): it is unknown all the time"
        odd = [unit for unit in stored if units.convert(unit, metric.unit) is None]
        if odd and metric.unit not in odd:
            return f"{metric.key}: what was stored in {_said(odd)} cannot be read as {metric.unit}"
        if not self.seen.get(metric.key):
            return f"{metric.key}: no reading in this time"
        other = [unit for unit in stored if unit != metric.unit]
        return f"{metric.key}: converted from {_said(other)}" if other else ""


def of_assets(assets: Mapping[str, Mapping[str, Metric]]) -> Iterable[Metric]:
    """The metrics of several assets, in the order of the file."""
    return (metric for metrics in assets.values() for metric in metrics.values())


def _raw_key(metric: Metric) -> str:
    """What the reading of an unmapped path is stored as."""
    return f"{metric.source}/{metric.device}/{metric.path}"


def _said(found: Iterable[str]) -> str:
    return ", ".join(unit or "no unit" for unit in found)
