"""Shapes: what a model sees of an asset, channel by channel."""

from array import array
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a window."""

    name: str
    unit: str
    required: bool = True
    hold_ms: int = 60_000
    """A value older than this is not held any further: the row has a gap."""
    fill: float | None = None
    """Stands in for a missing optional channel; None: its absence is a gap too."""
    low: float | None = None
    high: float | None = None
    """Physical limits: a value outside them is not taken."""
    flatline_ms: int | None = None
    """A sensor that is well never says the same value for so long."""
    rate_hz: float | None = None
    """Of a channel that takes a signal: samples a second; None: it takes scalars."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one inference sees: ``length`` rows, ``period_ms`` apart, one column per channel."""

    channels: tuple[Channel, ...]
    period_ms: int
    length: int
    stride: int = 1
    """Rows between two windows."""
    min_coverage: float = 0.8
    """Share of cells that must come from a reading inside its own row."""

    @property
    def of_signals(self) -> bool:
        """A window is a block of samples: see ``core.blocks``."""
        return any(channel.rate_hz for channel in self.channels)


class Window(NamedTuple):
    """The last ``length`` rows of one asset, or why there is none."""

    end_ms: int
    """End of the newest row, on the readings' time axis."""
    values: "array[float]"
    """Row-major, ``length * columns`` finite floats; empty when the window abstains."""
    newest: tuple[float, ...]
    """The newest row; nan where there is a gap."""
    coverage: float
    abstained: str = ""
    """``filling``, ``bad <channel>: <gate>``, ``gap <channel>: <gate, stale or silent>`` or
    ``coverage 0.42``; empty when the window can be judged."""

    @property
    def newest_has_gap(self) -> bool:
        """The newest row lacks a value."""
        return not self.newest or any(value != value for value in self.newest)  # noqa: PLR0124
