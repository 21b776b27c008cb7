"""Shapes: what a model sees of an asset, channel by channel."""

from dataclasses import dataclass


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
