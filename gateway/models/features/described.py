"""The features of a signal in words and with their units, for explanations."""

from collections.abc import Iterator, Sequence

from gateway.core.explanations import Feature
from gateway.models.features.presets import SHAKES, Vibration

_WORDS = {"crest": "crest factor"}


def described(
    channels: Sequence[str], units: Sequence[str], vibration: Vibration
) -> Iterator[Feature]:
    """Yield the features in the order of ``presets.names``.

    Args:
        channels: names of the columns of a window.
        units: their units.
        vibration: the settings of the preset.
    """
    for column, (name, unit) in enumerate(zip(channels, units, strict=True)):
        if name == vibration.speed:
            continue
        for shake in SHAKES:
            own = unit if shake in ("rms", "peak") else ""
            yield Feature(f"{name}.{shake}", column, _WORDS.get(shake, shake), own)
        for low, high in vibration.bands_hz:
            words, own = f"energy from {low:g} to {high:g} Hz", f"({unit})²" if unit else ""
            yield Feature(f"{name}.band_{low:g}_{high:g}", column, words, own)
        for order in vibration.orders:
            words = f"envelope at {order:g} per turn"
            yield Feature(f"{name}.order_{order:g}", column, words, "x its floor")
