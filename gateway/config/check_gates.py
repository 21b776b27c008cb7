"""Gates: what a metric's limits and an asset's cross rules ask for makes sense."""

from collections.abc import Iterator

from gateway.config.assets import AssetSection, MetricSection
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.tree import Place
from gateway.core import units
from gateway.core.leaves import of_signals
from gateway.core.readings import MetricKind
from gateway.core.rules import Expression

_NUMERIC = (None, MetricKind.GAUGE, MetricKind.COUNTER)
_OF_NUMBERS = ("max_rate", "flatline", "rail")


def problems(found: Findings, id_: str, asset: AssetSection) -> Iterator[Problem]:
    """Everything that is wrong with an asset's gates."""
    for name, metric in asset.metrics.items():
        yield from _metric(found, ("assets", id_, "metrics", name), metric)
    listed = found.doc.node(("assets", id_, "cross", 0)) is not None
    for at, rule in enumerate(asset.cross):
        place: Place = ("assets", id_, "cross", at) if listed else ("assets", id_, "cross")
        yield from _cross(found, place, rule)


def _metric(found: Findings, place: Place, metric: MetricSection) -> Iterator[Problem]:
    numeric = metric.kind in _NUMERIC and not (metric.words and metric.kind is None)
    for key in () if metric.signal else _OF_NUMBERS:
        if getattr(metric, key) is not None and not numeric:
            message = f"{key!r} is for numbers, and this metric is a state, an event or text"
            yield found.at((*place, key), message, key=True)
    rate = metric.max_rate
    if rate is not None and rate.unit and not _same(rate.unit, metric.unit):
        message = f"the rate is in {rate.unit!r}, and the metric in {metric.unit or 'no unit'!r}"
        yield found.at((*place, "max_rate"), message, "write it in the metric's own unit")


def _same(unit: str, wanted: str) -> bool:
    canonical = units.canonical(unit)
    return unit == wanted or (canonical is not None and canonical == units.canonical(wanted))


def _cross(found: Findings, place: Place, rule: Expression) -> Iterator[Problem]:
    asset = str(place[1])
    metrics = found.root.assets[asset].metrics
    yield from found.metrics(place, rule, found.names("assets", asset, "metrics"))
    if not rule.is_condition:
        yield found.at(place, "a cross rule says yes or no: compare it with something")
    if any(rule.span_ms.values()):
        yield found.at(place, "a cross rule looks at the newest values only, not back in time")
    for name in sorted(rule.metrics & metrics.keys()):
        if metrics[name].kind is MetricKind.TEXT:
            yield found.at(place, f"metric {name!r} is text: it is stored, never judged")
    for name in sorted(of_signals(rule.node)):
        message = f"a cross rule looks at values, not at the samples of {name!r}"
        yield found.at(place, message, "the value of a signal is its rms: write its name alone")
