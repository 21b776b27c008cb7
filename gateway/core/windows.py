"""Windows: the metrics of an asset aligned on a model's period."""

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
    """Training range: outside it the model abstains."""


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
