"""Gates of signals: what a block of samples is worth by itself and beside those before it.

A block that is finite and in range comes here. In this order, the first that refuses gives the
reason: the rate changed; flatline (all samples are the same, or it is the very block that came
before, for the third time); rail (clipped: samples at an end of the sensor). Only fresh evidence
counts; the gates start without memory.
"""

from typing import Final

from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.signals import Signal, same_rate

SETTLED: Final = 3
"""Blocks in a row at another rate make it the rate: somebody has set the sensor anew."""
UNMOVED: Final = 3
"""The very same block so often is a sensor, or a gateway before us, that hangs: two may be one that
was sent twice."""
CLIPPED: Final = 3
"""Samples at an end of the sensor that make a block clipped; one may be the peak itself."""

_OK = Reason.OK


class SignalGate:
    """What one metric remembers: its last block."""

    __slots__ = ("_before", "_equal", "_rate_hz", "_strays")

    def __init__(self) -> None:
        self._before: Signal | None = None
        self._rate_hz = 0.0
        self._equal = 1
        self._strays = 0
        """Blocks in a row at another rate."""

    def judge(self, metric: Metric, signal: Signal) -> tuple[Reason, str]:
        """The first gate that refuses a block, or ok, and why in words."""
        before, self._before = self._before, signal
        same = before is not None and before.samples == signal.samples
        self._equal = self._equal + 1 if same else 1
        changed = self._changed(signal.rate_hz, before)
        if changed:
            return Reason.SIGNAL, changed
        if min(signal.samples) == max(signal.samples):
            return Reason.FLATLINE, f"all {len(signal.samples)} samples are {signal.samples[0]:g}"
        if self._equal >= UNMOVED:
            return Reason.FLATLINE, f"the very same block for the {self._equal}. time"
        clipped = _clipped(metric, signal)
        return (Reason.RAIL, clipped) if clipped else (_OK, "")

    def _changed(self, rate_hz: float, before: Signal | None) -> str:
        """In words how the rate changed, until it is the new one."""
        if not self._rate_hz or same_rate(rate_hz, self._rate_hz):
            self._rate_hz, self._strays = rate_hz, 0
            return ""
        again = before is not None and same_rate(rate_hz, before.rate_hz)
        self._strays = self._strays + 1 if again else 1
        if self._strays >= SETTLED:
            self._rate_hz, self._strays = rate_hz, 0
            return ""
        return f"the rate changed from {self._rate_hz:g} Hz to {rate_hz:g} Hz"


def _clipped(metric: Metric, signal: Signal) -> str:
    """In words how many samples are at an end of the sensor; empty when they are few."""
    if metric.rail is None:
        return ""
    low, high = metric.rail
    if low < min(signal.samples) and max(signal.samples) < high:
        return ""
    pinned = [at for at, one in enumerate(signal.samples) if not low < one < high]
    if len(pinned) < CLIPPED:
        return ""
    return f"{len(pinned)} samples at an end of the sensor, the first is sample {pinned[0]}"


class SignalGates:
    """The gates of all signals of a site."""

    def __init__(self) -> None:
        self._gates: dict[str, SignalGate] = {}

    def judge(self, report: Report) -> Report:
        """The report with the reasons that its signals' readings keep."""
        readings = list(report.readings)
        for place, signal in report.signals.items():
            metric, _, reason = readings[place]
            if reason is _OK:
                gate = self._gates.setdefault(metric.key, SignalGate())
                refused, words = gate.judge(metric, signal)
                if refused is not _OK:
                    readings[place] = Reading(metric, words, refused)
        return report._replace(readings=Readings.of(readings))

    def take_over(self, old: "SignalGates") -> None:
        """Go on with what is remembered."""
        self._gates |= old._gates  # noqa: SLF001  # of the same class
