"""The feature presets by name: what each computes, in which order and unit. Imports no numpy.

=========  =================================================================================
raw        the window itself
stats      per channel: last, mean, sd, slope, min, max over the rows
vibration  per channel: rms, peak, crest, kurtosis, energy per band, envelope line per order
=========  =================================================================================

Features lie channel by channel, in the order of ``names``; with [u] for the unit of the channel:

- ``last``, ``mean``, ``sd``, ``min``, ``max`` [u]: newest row, average, population standard
  deviation, extremes. ``slope`` [u per row]: of the least-squares line through the rows.
- ``rms``, ``peak`` [u]: of the block without its mean. ``crest`` [1]: peak over rms. ``kurtosis``
  [1]: fourth moment over the squared second, 3 for Gaussian noise. All 0 for a block that stands
  still, but kurtosis, which is 3 there: nothing sticks out.
- ``band_LOW_HIGH`` [u^2]: the mean square that lies from LOW up to HIGH Hz (HIGH excluded, unless
  it is half the rate).
- ``order_X`` [1]: how far the envelope's line at X times the shaft's speed stands out: the largest
  line within 2 % of it, averaged over its first three harmonics, over the median line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Preset = Literal["raw", "stats", "vibration"]

STATS: Final = ("last", "mean", "sd", "slope", "min", "max")
SHAKES: Final = ("rms", "peak", "crest", "kurtosis")


@dataclass(frozen=True, slots=True)
class Vibration:
    """What the preset ``vibration`` must know of the block: a window of one row per sample."""

    rate_hz: float
    """Samples a second."""
    bands_hz: tuple[tuple[float, float], ...] = ()
    orders: tuple[float, ...] = ()
    """Multiples of the shaft's speed, e.g. 3.5848 for the outer race of a 6205."""
    envelope_hz: tuple[float, float] | None = None
    """Where the bearing rings: the band whose envelope is taken; None for an eighth of the rate
    up to half of it."""
    rpm: float | None = None
    """Of the shaft, when it never changes."""
    speed: str = ""
    """The channel that holds the speed [rpm]; it is no signal and has no features."""

    @property
    def ringing_hz(self) -> tuple[float, float]:
        """The band whose envelope is taken."""
        return self.envelope_hz or (self.rate_hz / 8, self.rate_hz / 2)

    def names(self) -> tuple[str, ...]:
        """The features of one channel."""
        bands = (f"band_{low:g}_{high:g}" for low, high in self.bands_hz)
        return (*SHAKES, *bands, *(f"order_{order:g}" for order in self.orders))


def names(
    preset: Preset, channels: Sequence[str], rows: int, vibration: Vibration | None = None
) -> tuple[str, ...]:
    """The features in their order: ``flow.slope``; for ``raw``, ``flow[0]`` is the oldest row."""
    if preset == "raw":
        return tuple(f"{name}[{row}]" for row in range(rows) for name in channels)
    if preset == "stats":
        return tuple(f"{name}.{stat}" for name in channels for stat in STATS)
    if vibration is None:
        return ()
    signals = (name for name in channels if name != vibration.speed)
    return tuple(f"{name}.{feature}" for name in signals for feature in vibration.names())


def count(preset: Preset, channels: Sequence[str], rows: int, vibration: Vibration | None) -> int:
    """How many features there are; the names of a raw window would be as many as its cells."""
    if preset == "raw":
        return rows * len(channels)
    return len(names(preset, channels, rows, vibration))
