"""What is known of an asset's metrics now: the view that rules, interlocks and proofs look through.

Only good readings count. A value is held until its metric's own ``stale_ms``; an unchanged value
that a bridge merely repeats from its cache does not renew it. Nothing is held of a sensor that its
gates found dead (flatline, rail): its metric is unknown until a good reading comes.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from gateway.core.messages import DEAD, Quality, Reason
from gateway.core.readings import Metric, MetricKind, Reading, Value
from gateway.core.signals import Signal

HISTORY = 4_096
"""Values kept per metric for min, max, mean, rate and count; older ones are forgotten."""
_OK = Reason.OK
_EVENT = MetricKind.EVENT


class Known(NamedTuple):
    """The newest good reading of a metric."""

    value: Value
    at_ms: int
    mono_ms: int


class Latest:
    """The metrics of one asset."""

    def __init__(self, metrics: Mapping[str, Metric], spans_ms: Mapping[str, int]) -> None:
        """``spans_ms``: how far back the asset's rules look, per metric."""
        self._metrics = metrics
        self._known: dict[str, tuple[Value, int, int]] = {}
        self._refused: dict[str, Reason] = {}
        """Why the newest reading of a metric was not good; nothing of those that were."""
        self._dead: dict[str, Reason] = {}
        """Metrics whose sensor is dead, and by which gate."""
        self._spans = spans_ms
        self._history: dict[str, deque[tuple[int, float]]] = {
            name: deque(maxlen=HISTORY) for name in spans_ms
        }
        self.signals: dict[str, Signal] = {}
        """The newest good block of each signal."""
        self.evidence_mono_ms: int | None = None
        """When the asset's newest good reading came in."""

    def take(self, reading: Reading, at_ms: int, mono_ms: int) -> None:
        """Note a reading of one of the asset's metrics."""
        name, value, reason = reading.metric.name, reading.value, reading.reason
        if reason is _OK:
            self.take_good((name,), (value,), at_ms, mono_ms)
            return
        self._refused[name] = reason
        if reason in DEAD:
            self._dead[name] = reason

    def take_good(
        self, names: Sequence[str], values: Sequence[Value], at_ms: int, mono_ms: int
    ) -> None:
        """Note good readings of one time, by the names of their metrics; the hot path."""
        self._known.update(
            zip(names, zip(values, repeat(at_ms), repeat(mono_ms), strict=False), strict=True)
        )
        self.evidence_mono_ms = mono_ms
        if self._refused:
            for name in names:
                self._refused.pop(name, None)
                self._dead.pop(name, None)
        for name in self._history.keys() & names if self._history else ():
            value = self._known[name][0]
            if not isinstance(value, str):
                self._history[name].append((mono_ms, float(value)))

    def take_over(self, old: "Latest") -> None:
        """Go on with what another one knows of the metrics that both have."""
        for name, known in old._known.items():  # noqa: SLF001  # of the same class
            metric = self._metrics.get(name)
            if metric is not None and metric.unit == old.metric(name).unit:
                self._known[name] = known
                if name in old.signals:
                    self.signals[name] = old.signals[name]
        self._refused.update(old._refused)  # noqa: SLF001
        self._dead.update(old._dead)  # noqa: SLF001
        for name, history in self._history.items():
            history.extend(old._history.get(name, ()))  # noqa: SLF001
        self.evidence_mono_ms = old.evidence_mono_ms

    def forget(self, metrics: Iterable[str]) -> None:
        """Nothing is known of these metrics."""
        for name in metrics:
            self._known.pop(name, None)
            self._refused.pop(name, None)
            self._dead.pop(name, None)
            self.signals.pop(name, None)
            if name in self._history:
                self._history[name].clear()

    def known(self, metric: str) -> Known | None:
        """The newest good reading, however old."""
        known = self._known.get(metric)
        return None if known is None else Known(*known)

    def quality(self, metric: str, now_mono_ms: int) -> tuple[Quality, str]:
        """Quality of a metric now, with its reason; ``stale`` and ``silent`` are ours."""
        known = self._known.get(metric)
        if metric in self._dead:
            return Quality.BAD, self._dead[metric].value
        if known is None:
            refused = self._refused.get(metric)
            return (refused.quality, refused.value) if refused else (Quality.BAD, "silent")
        if now_mono_ms - known[2] > self._metrics[metric].stale_ms:
            return Quality.BAD, "stale"
        return Quality.GOOD, Reason.OK.value

    def value(self, metric: str, now_mono_ms: int) -> Value | None:
        """The newest good value; None when it is unknown, stale, or its sensor dead."""
        known = self._known.get(metric)
        if known is None or metric in self._dead:
            return None
        declared = self._metrics[metric]
        limit = 0 if declared.kind is _EVENT else declared.stale_ms
        return known[0] if now_mono_ms - known[2] <= limit else None

    def at(self, now_mono_ms: int) -> "Sight":
        """The view at one moment."""
        return Sight(self, now_mono_ms)

    def names(self) -> Iterable[str]:
        """The asset's metrics."""
        return self._metrics

    def metric(self, name: str) -> Metric:
        """One metric's declaration."""
        return self._metrics[name]

    def history(self, metric: str, since_mono_ms: int) -> list[tuple[int, float]]:
        """(mono_ms, value) of the good readings since then, oldest first."""
        return [item for item in self._history.get(metric, ()) if item[0] >= since_mono_ms]


class Sight:
    """``core.rules.View`` of one asset at one moment."""

    def __init__(self, latest: Latest, now_mono_ms: int) -> None:
        """Look at ``latest`` as of ``now_mono_ms``."""
        self._latest = latest
        self._now = now_mono_ms

    def value(self, metric: str) -> Value | None:
        """The value, or None when it is unknown or stale."""
        return self._latest.value(metric, self._now)

    def signal(self, metric: str) -> Signal | None:
        """Its newest good block; None when the metric is unknown or no signal."""
        return None if self.value(metric) is None else self._latest.signals.get(metric)

    def age_ms(self, metric: str) -> int | None:
        """Milliseconds since the newest good reading."""
        known = self._latest.known(metric)
        return None if known is None else self._now - known.mono_ms

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        """(mono_ms, value) of the last ``span_ms``, oldest first."""
        return self._latest.history(metric, self._now - span_ms)
