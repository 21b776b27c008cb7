"""Cross rules: what must hold between the newest values of an asset's metrics.

A rule that is false makes every metric it names suspect, as long as it is false: which of them is
wrong, it cannot tell. A rule that is unknown (a metric is stale, silent or refused by a gate of its
own) is not broken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.assets import Asset
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Readings, Report, Value
from gateway.core.rules import evaluate
from gateway.core.signals import Signal

_REFUSED = frozenset({Reason.RATE, Reason.FLATLINE, Reason.RAIL, Reason.RANGE, Reason.TYPE})


@dataclass(frozen=True, slots=True)
class _Seen:
    value: Value
    mono_ms: int


class _Beside:
    """``core.rules.View`` of the newest values that passed the metrics' own gates."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = metrics
        self.seen: dict[str, _Seen] = {}
        self.now_ms = 0

    def value(self, metric: str) -> Value | None:
        """None when it is unknown or stale."""
        found = self.seen.get(metric)
        if found is None or self.now_ms - found.mono_ms > self.metrics[metric].stale_ms:
            return None
        return found.value

    def signal(self, metric: str) -> Signal | None:
        """There is none: cross rules are about values; ``check`` sees to it."""
        del metric
        return None

    def age_ms(self, metric: str) -> int | None:
        """Since its newest value."""
        found = self.seen.get(metric)
        return None if found is None else self.now_ms - found.mono_ms

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        """There is none: cross rules are about the newest values; ``check`` sees to it."""
        del metric, span_ms
        return ()


class Crosses:
    """The cross rules of all assets of a site."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._rules = {asset.id: asset.cross for asset in assets if asset.cross}
        self._beside = {
            asset.id: _Beside(asset.metrics) for asset in assets if asset.id in self._rules
        }

    def judge(self, report: Report) -> Report:
        """The report, with what a broken rule names marked as suspect."""
        if not self._rules:
            return report
        owners = {reading.metric.asset for reading in report.readings}
        suspect = {
            (asset, name)
            for asset in owners & self._rules.keys()
            for name in self._broken(asset, report)
        }
        if not suspect:
            return report
        readings = Readings.of(
            reading._replace(reason=Reason.CROSS)
            if reading.reason is Reason.OK
            and (reading.metric.asset, reading.metric.name) in suspect
            else reading
            for reading in report.readings
        )
        return report._replace(readings=readings)

    def take_over(self, old: "Crosses") -> None:
        """Go on with the values of the metrics that both have."""
        for asset, beside in self._beside.items():
            before = old._beside.get(asset)  # noqa: SLF001  # of the same class
            if before is not None:
                names = before.seen.keys() & beside.metrics.keys()
                beside.seen |= {name: before.seen[name] for name in names}

    def _broken(self, asset: str, report: Report) -> set[str]:
        """Take the newest values; the metrics that broken rules name."""
        beside = self._beside[asset]
        beside.now_ms = report.received_mono_ms
        for metric, value, reason in report.readings:
            if metric.asset != asset:
                continue
            if reason is Reason.OK:
                beside.seen[metric.name] = _Seen(value, report.received_mono_ms)
            elif reason in _REFUSED:
                beside.seen.pop(metric.name, None)
        named: set[str] = set()
        for rule in self._rules[asset]:
            if evaluate(rule, beside) is False:
                named |= rule.metrics
        return named
