"""Gates: what a reading is worth in the light of those before it, and of those beside it.

A value that is finite and in range comes here. Each metric's own gates are asked in this order:
rate of change, flatline, stuck at rail; the first that refuses gives the reason. Then the asset's
cross rules are held against the newest values. Gap and stale are not a reading's reasons but a
silence: windows and rules see them (``core.windows``, ``core.latest``).

Each reading costs a constant time, and nothing here reads a clock. Only fresh evidence counts: a
reading that is retained, cached, late or bad already passes through and changes nothing. So what a
bridge repeats from its cache never adds up to a flatline; such a metric becomes stale instead.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gateway.core.assets import Asset
from gateway.core.crosses import Crosses
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.signal_gates import SignalGates

SETTLED: Final = 3
"""Readings in a row that agree, but are not the same, make a jump the new level: what lives moves.
Those that are the same become it once the time that passed allows the change."""
PINNED: Final = 3
"""Readings in a row at an end of the sensor that make it stuck."""
UNMOVED: Final = 3
"""Equal readings that a flatline has at least: two may be one that was sent twice."""
RATE_FLOOR_MS: Final = 1_000
"""Readings are taken to be at least so far apart: delays on the way bring them close together."""

_OK = Reason.OK


class _Point(NamedTuple):
    value: float
    at_ms: int


class Gate:
    """What one metric remembers: constant in size."""

    __slots__ = (
        "_equal",
        "_flat_ms",
        "_level",
        "_metric",
        "_pinned",
        "_since",
        "_stray",
        "_strays",
    )

    def __init__(self, metric: Metric, flatline_ms: int | None) -> None:
        self._metric = metric
        self._flat_ms = flatline_ms
        self._level: _Point | None = None
        """The newest value that did not jump."""
        self._stray: _Point | None = None
        self._strays = 0
        """Jumped values in a row that agree with each other."""
        self._since: _Point | None = None
        """The value it stands at, and since when on the monotonic clock."""
        self._equal = 0
        self._pinned = 0

    def judge(self, value: float, at_ms: int, mono_ms: int) -> Reason:
        """The first gate that refuses a value, or ok; every gate takes note of it."""
        jumps = self._jumps(_Point(value, at_ms))
        flat = self._is_flat(value, mono_ms)
        pinned = self._is_pinned(value, jumps=jumps)
        if jumps:
            return Reason.RATE
        if flat:
            return Reason.FLATLINE
        return Reason.RAIL if pinned else _OK

    def _jumps(self, point: _Point) -> bool:
        """It is farther from the level than the time allows, and not yet a level of its own."""
        limit = self._metric.max_rate
        if limit is None:
            return False
        if self._level is None or _near(self._level, point, limit):
            self._level, self._stray, self._strays = point, None, 0
            return False
        stray = self._stray
        if stray is None or not _near(stray, point, limit):
            self._strays = 1
        elif stray.value != point.value:
            self._strays += 1
        self._stray = point
        if self._strays < SETTLED:
            return True
        self._level, self._stray, self._strays = point, None, 0
        return False

    def _is_flat(self, value: float, mono_ms: int) -> bool:
        since = self._since
        if since is None or since.value != value or mono_ms < since.at_ms:
            self._since, self._equal = _Point(value, mono_ms), 1
            return False
        self._equal += 1
        limit = self._flat_ms
        return limit is not None and self._equal >= UNMOVED and mono_ms - since.at_ms >= limit

    def _is_pinned(self, value: float, *, jumps: bool) -> bool:
        rail = self._metric.rail
        if rail is None or rail[0] < value < rail[1]:
            self._pinned = 0
            return False
        # One that jumped to its end is stuck at once: it must not slip through between two gates.
        self._pinned = PINNED if jumps else min(self._pinned + 1, PINNED)
        return self._pinned >= PINNED

    def take_over(self, old: "Gate") -> None:
        """Go on where another gate of the same metric stood."""
        for name in ("_level", "_stray", "_strays", "_since", "_equal", "_pinned"):
            setattr(self, name, getattr(old, name))


def _near(before: _Point, after: _Point, limit: float) -> bool:
    """The change is possible; a time axis that went back says nothing."""
    passed_ms = after.at_ms - before.at_ms
    if passed_ms < 0:
        return True
    return abs(after.value - before.value) <= limit * max(passed_ms, RATE_FLOOR_MS) / 1000


class Gates:
    """The gates of all assets of a site."""

    def __init__(
        self, assets: Iterable[Asset], flatlines_ms: Mapping[str, int] | None = None
    ) -> None:
        """Start without memory.

        Args:
            assets: their metrics, and their cross rules.
            flatlines_ms: what model packages say of a metric, by its key; the user's word wins.
        """
        assets = tuple(assets)
        self._crosses = Crosses(assets)
        self._signals = SignalGates()
        known = flatlines_ms or {}
        self._gates: dict[Metric, Gate] = {}
        for asset in assets:
            for metric in asset.metrics.values():
                if metric.signal is not None:
                    continue
                flat_ms = metric.flatline_ms or known.get(metric.key)
                if flat_ms is not None or metric.max_rate is not None or metric.rail is not None:
                    self._gates[metric] = Gate(metric, flat_ms)

    def judge(self, report: Report) -> Report:
        """The report with the reasons that its readings keep."""
        if report.signals:
            report = self._signals.judge(report)
        return self._crosses.judge(self._gated(report) if self._gates else report)

    def _gated(self, report: Report) -> Report:
        at_ms, mono_ms = report.at_ms, report.received_mono_ms
        changed = False
        readings = []
        for reading in report.readings:
            gate = self._gates.get(reading.metric)
            judged = reading if gate is None else _held_against(gate, reading, at_ms, mono_ms)
            changed = changed or judged is not reading
            readings.append(judged)
        return report._replace(readings=Readings.of(readings)) if changed else report

    def recall(self, reading: Reading, at_ms: int, mono_ms: int) -> None:
        """Take note of a stored reading, after a restart."""
        gate = self._gates.get(reading.metric)
        if gate is not None:
            _held_against(gate, reading, at_ms, mono_ms)

    def take_over(self, old: "Gates") -> None:
        """Go on with what is remembered of the metrics that both have."""
        gates = old._gates  # noqa: SLF001  # of the same class
        before = {metric.key: gate for metric, gate in gates.items()}
        for metric, gate in self._gates.items():
            if metric.key in before:
                gate.take_over(before[metric.key])
        self._signals.take_over(old._signals)  # noqa: SLF001
        self._crosses.take_over(old._crosses)  # noqa: SLF001


def _held_against(gate: Gate, reading: Reading, at_ms: int, mono_ms: int) -> Reading:
    metric, value, reason = reading
    if reason is not _OK or isinstance(value, bool | str):
        return reading
    reason = gate.judge(value, at_ms, mono_ms)
    return reading if reason is _OK else Reading(metric, value, reason)
