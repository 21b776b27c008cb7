"""From an uplink to the signals that the user asked for: what ``core.values`` is for scalars."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.core.messages import Reason, Tree, Uplink
from gateway.core.paths import MISSING
from gateway.core.readings import Metric, Reading
from gateway.core.signals import Sampling, Signal, SignalError, find, read

NO_SIGNALS: Final[Mapping[int, Signal]] = MappingProxyType({})
_SAMPLING: Final = Sampling()


class Taken(NamedTuple):
    """One signal metric of an uplink."""

    reading: Reading
    signal: Signal | None
    """None where there are no samples that could be kept."""


def add_signals(
    readings: list[Reading],
    metrics: Iterable[Metric],
    last: dict[Metric, Tree],
    uplink: Uplink,
    strong: Reason,
    weak: Reason,
) -> Mapping[int, Signal]:
    """Append the readings of signals, marked as scalars are; the samples by the reading's place.

    Args:
        readings: of the same uplink; the new ones go behind them.
        metrics: the signals of the device.
        last: raw values of its previous uplink, where the bridge repeats what it remembers.
        uplink: where the samples are.
        strong: holds for the whole uplink, before ``cached``.
        weak: the same, after it.
    """
    signals: dict[int, Signal] = {}
    for metric, raw in raw_samples(metrics, uplink.values):
        reading, signal = take(metric, raw, uplink)
        again = uplink.cached and last.get(metric, raw) == raw
        if uplink.cached:
            last[metric] = raw
        mark = strong if strong is not Reason.OK else Reason.CACHED if again else weak
        if reading.reason is Reason.OK and mark is not Reason.OK:
            reading = reading._replace(reason=mark)
        if signal is not None:
            signals[len(readings)] = signal
        readings.append(reading)
    return signals


def raw_samples(metrics: Iterable[Metric], values: Tree) -> Iterator[tuple[Metric, Tree]]:
    """Find what this uplink has at the paths of signal metrics; null is no samples."""
    for metric in metrics:
        most = (metric.signal or _SAMPLING).max_samples
        raw = find(metric.path, values, most)
        if raw is not MISSING and raw is not None:
            yield metric, raw


def take(metric: Metric, raw: Tree, uplink: Uplink) -> Taken:
    """Make a reading of samples: their rms, or in words what is wrong with them and where."""
    sampling = metric.signal or _SAMPLING
    try:
        signal = read(sampling, raw, uplink.values, metric.scale, metric.offset)
    except SignalError as error:
        return Taken(Reading(metric, str(error), Reason.SIGNAL), None)
    wrong = _outside(metric, signal)
    if wrong:
        return Taken(Reading(metric, wrong, Reason.RANGE), signal)
    return Taken(Reading(metric, signal.rms), signal)


def _outside(metric: Metric, signal: Signal) -> str:
    """The first sample beyond the metric's range, in words."""
    low, high = metric.low, metric.high
    if (low is None or low <= min(signal.samples)) and (
        high is None or max(signal.samples) <= high
    ):
        return ""
    for at, one in enumerate(signal.samples):
        if low is not None and one < low:
            return f"sample {at} is {one:g}, below {low:g}"
        if high is not None and one > high:
            return f"sample {at} is {one:g}, above {high:g}"
    return ""
