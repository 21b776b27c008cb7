"""Sights: what limits see of the assets: fresh, good, and received since this process started.

What was restored from the store may be older than it looks, for its age is the wall clock's word.
A rule may name a metric of another asset as ```pump-8/power```.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.core.latest import Known, Latest
from gateway.core.readings import Value
from gateway.core.signals import Signal


class Moment(NamedTuple):
    """Now, on every clock."""

    mono_ms: int
    running_ms: int
    """How long the gateway has run, over all boots."""
    now_ms: int
    """Wall clock."""
    clock_ok: bool
    """The wall clock can be believed."""


class Evidence:
    """``core.rules.View`` of one asset for its limits."""

    def __init__(
        self, latest: Mapping[str, Latest], asset: str, since_mono_ms: int, moment: Moment
    ) -> None:
        """Look at what came from ``since_mono_ms`` on, as of ``moment``."""
        self._latest = latest
        self._asset = asset
        self._since = since_mono_ms
        self._moment = moment

    def value(self, metric: str) -> Value | None:
        """The value; None when it is unknown, stale, or from before the start."""
        found = self._found(metric)
        return None if found is None else found[0].at(self._moment.mono_ms).value(found[1])

    def signal(self, metric: str) -> Signal | None:
        """The newest block of a signal; None where ``value`` is."""
        found = self._found(metric)
        return None if found is None else found[0].at(self._moment.mono_ms).signal(found[1])

    def age_ms(self, metric: str) -> int | None:
        """Milliseconds since the newest good reading; None when none came since the start."""
        found = self._found(metric)
        return None if found is None else self._moment.mono_ms - found[2].mono_ms

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        """(mono_ms, value) of the last ``span_ms``; nothing while the metric itself is unknown."""
        found = self._found(metric)
        if found is None or self.value(metric) is None:
            return ()
        return found[0].at(self._moment.mono_ms).history(found[1], span_ms)

    def seen_ms(self, metric: str) -> int | None:
        """Running time of the newest good reading."""
        age_ms = self.age_ms(metric)
        return None if age_ms is None else self._moment.running_ms - age_ms

    def _found(self, metric: str) -> tuple[Latest, str, Known] | None:
        """Where a metric is known, its own name, and its newest good reading since the start."""
        asset, name = owner(self._asset, metric)
        latest = self._latest.get(asset)
        known = None if latest is None else latest.known(name)
        if latest is None or known is None or known.mono_ms < self._since:
            return None
        return latest, name, known


def owner(asset: str, metric: str) -> tuple[str, str]:
    """The asset and the metric that a name in a rule of ``asset`` means."""
    other, slash, name = metric.rpartition("/")
    return (other, name) if slash else (asset, metric)
