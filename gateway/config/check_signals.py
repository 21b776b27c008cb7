"""Signals: what a metric says of its samples makes sense, and suits the models that take them."""

from collections.abc import Iterator, Mapping

from gateway.config.assets import MetricSection
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.tree import Place
from gateway.core.leaves import of_signals
from gateway.core.readings import MetricKind
from gateway.core.rules import Expression
from gateway.core.signals import same_rate
from gateway.core.windows import Channel

_OF_SCALARS = ("words", "missing_if", "strip", "decimal_comma", "max_rate", "flatline")


def metric(found: Findings, place: Place, section: MetricSection) -> Iterator[Problem]:
    """What is wrong with a metric that is declared as a signal."""
    signal = section.signal
    if signal is None:
        return
    if signal.rate is None and signal.rate_path is None:
        hint = "write rate: 12000 Hz, or rate_path: where the message says it"
        yield found.at((*place, "signal"), "nothing says how fast it is sampled", hint, key=True)
    if section.kind not in (None, MetricKind.GAUGE):
        yield found.at((*place, "kind"), f"a signal is no {section.kind}", "leave kind out")
    for key in _OF_SCALARS:
        if key in section.model_fields_set:
            hint = "equal samples are a flatline anyway" if key == "flatline" else ""
            yield found.at((*place, key), f"{key!r} is for single values", hint, key=True)


def rule(
    found: Findings, place: Place, wanted: Expression, metrics: Mapping[str, MetricSection]
) -> Iterator[Problem]:
    """Functions of samples are asked of signals only."""
    for name in sorted(of_signals(wanted.node) & metrics.keys()):
        if metrics[name].signal is None:
            message = f"rms, peak, crest and kurtosis are of samples, and {name!r} has none"
            yield found.at(place, message, "declare it with signal: {rate: ...}")


def channel(
    found: Findings, place: Place, section: MetricSection, wanted: tuple[str, Channel, int]
) -> Iterator[Problem]:
    """Whether a metric can feed a model's channel that takes a signal of so many samples."""
    model, one, length = wanted
    needs = f"channel {one.name!r} of model {model!r} takes {length} samples at {one.rate_hz:g} Hz"
    signal = section.signal
    if signal is None:
        hint = f"declare it with signal: {{rate: {one.rate_hz:g} Hz}}"
        yield found.at(place, f"{needs}, and metric {place[-1]!r} is a single value", hint)
        return
    if signal.rate is not None and not same_rate(signal.rate, one.rate_hz or 0.0):
        hint = f"set the sensor to {one.rate_hz:g} Hz, or take a model made for its rate"
        message = f"{needs}, and metric {place[-1]!r} has {signal.rate:g} Hz"
        yield found.at((*place, "signal", "rate"), message, hint)
    if signal.max_samples < length:
        message = f"{needs}, and {signal.max_samples} samples are the most taken"
        yield found.at((*place, "signal", "max_samples"), message, f"raise it to {length}")
