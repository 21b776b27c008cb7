"""Readings: one value of one metric of one device at one time, with its quality."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple, final

from gateway.core.messages import Origin, Quality, Reason
from gateway.core.paths import Path
from gateway.core.signals import Sampling, Signal

MIXTURES: Final = 4_096
"""Of metrics that come together: whom they are about is remembered."""


_OK: Final = Reason.OK


class MetricKind(StrEnum):
    """What may be done between two readings of a metric."""

    GAUGE = "gauge"
    """Held until stale."""
    COUNTER = "counter"
    """Only grows; a drop is a reset."""
    EVENT = "event"
    """Never held, never interpolated."""
    STATE = "state"
    """A word or a bool; held until stale."""
    TEXT = "text"
    """Stored, never judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """What is measured: where it is found in an uplink, and what makes its value a good one.

    Compared by identity: one object per line of the user's file, made once by ``config``.
    """

    name: str
    """The user's name for it, e.g. ``power``."""
    source: str
    device: str
    path: Path
    asset: str = ""
    """Empty for a reading nobody mapped."""
    unit: str = ""
    """The unit after conversion; SenML symbols (RFC 8428) where there is one."""
    kind: MetricKind = MetricKind.GAUGE
    scale: float = 1.0
    offset: float = 0.0
    """value = raw * scale + offset, which is also how units are converted."""
    low: float | None = None
    high: float | None = None
    stale_ms: int = 900_000
    words: Mapping[str, bool | float] = field(default_factory=dict)
    """Words the device says instead of numbers; looked up before anything else."""
    missing_if: frozenset[float] = frozenset()
    """Raw sentinels that mean "no value", e.g. -1 or 65535."""
    strip: str = ""
    """A unit at the end of a text value, removed before it is read as a number."""
    decimal_comma: bool = False
    max_rate: float | None = None
    """Most it can change per second; a faster change is a jump until it stays."""
    flatline_ms: int | None = None
    """A sensor that is well never says the same value for so long."""
    rail: tuple[float, float] | None = None
    """The ends of the sensor: pinned there, it measures nothing."""
    signal: Sampling | None = None
    """It comes as blocks of samples, and its value is their rms; ranges hold for each sample."""

    @property
    def key(self) -> str:
        """``asset/name``, or ``source/device/name`` where no asset names it."""
        owner = self.asset or f"{self.source}/{self.device}"
        return f"{owner}/{self.name}"


Value = float | bool | str
"""A float is always finite."""


class Reading(NamedTuple):
    """One value of one metric."""

    metric: Metric
    value: Value
    reason: Reason = Reason.OK

    @property
    def quality(self) -> Quality:
        """What ``reason`` stands for."""
        return self.reason.quality


@lru_cache(MIXTURES)
def _assets(metrics: tuple[Metric, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(metric.asset for metric in metrics))


@final
@dataclass(slots=True)
class Readings:
    """Readings of one time, column by column; never changed.

    What is done with them is done to all of one message at once, which is several times faster than
    one by one. Iterated over, they are readings.
    """

    metrics: tuple[Metric, ...]
    values: tuple[Value, ...]
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> "Readings":
        """The same readings as columns."""
        return cls(*columns) if (columns := tuple(zip(*readings, strict=True))) else cls((), (), ())

    @property
    def good(self) -> bool:
        """Every one of them is."""
        return self.reasons.count(_OK) == len(self.reasons)

    @property
    def assets(self) -> Sequence[str]:
        """Whom they are about, in their order."""
        return _assets(self.metrics)

    def of_asset(self, asset: str) -> "Readings":
        """Those about one asset."""
        return Readings.of(one for one in self if one.metric.asset == asset)

    def __len__(self) -> int:
        return len(self.metrics)

    def __iter__(self) -> Iterator[Reading]:
        return map(Reading, self.metrics, self.values, self.reasons)

    def __getitem__(self, place: int) -> Reading:
        return Reading(self.metrics[place], self.values[place], self.reasons[place])


class Report(NamedTuple):
    """The readings that one message brought of one device: what the store keeps as one row."""

    source: str
    device: str
    readings: Readings
    at_ms: int
    """The time axis: the source's clock where it can be trusted, else ours."""
    received_at_ms: int
    received_mono_ms: int
    measured_at_ms: int | None = None
    origin: Origin = Origin.NONE
    dedup: str | None = None
    signals: Mapping[int, Signal] = MappingProxyType({})
    """The samples behind a reading, by its place among ``readings``."""
