"""Parcels: how the windows of a model become the tensor that a cloud's model is asked with.

What leaves as ``features`` is what the model's own graph would see, where that is features or
windows standardised per asset; of a window that would be shown as it is, ``stats`` per channel.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.models.contract import Input, Manifest
from gateway.models.features import presets


@dataclass(frozen=True, slots=True)
class Parcel:
    """The tensors of one model."""

    input: Input
    output: tuple[str, int, int] = ("score", 1, 0)
    standardised: bool = False
    """Its windows are standardised per asset before they come here."""

    @property
    def tensor(self) -> str:
        """Name of the tensor."""
        return self.input.tensor

    def features(self, values: "array[float]") -> tuple[tuple[int, ...], Sequence[float]]:
        """Shape and numbers of a window, row by row, without what need not leave."""
        if self.input.features == "raw" and self.standardised:
            return (1, *self.input.dims), values
        return self._computed(values)

    def _computed(self, values: "array[float]") -> tuple[tuple[int, ...], Sequence[float]]:
        import numpy as np

        from gateway.models.features.compute import compute

        channels = self.input.channels
        preset: presets.Preset = "stats" if self.input.features == "raw" else self.input.features
        window = np.asarray(values, np.float64).reshape(1, -1, len(channels))
        found = compute(preset, window, channels, self.input.vibration)
        return found.shape, found[0].tolist()


def parcel(manifest: Manifest) -> Parcel:
    """Of a package."""
    scored, channels = manifest.scored, len(manifest.input.channels)
    output = (scored.tensor, scored.width(channels), scored.column)
    return Parcel(manifest.input, output, manifest.calibration.per_asset != "none")
