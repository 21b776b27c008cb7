"""Windows to features: what the worker and the training scripts both call."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.models.features.presets import Preset, Vibration
from gateway.models.features.stats import stats
from gateway.models.features.vibration import vibration

Floats = npt.NDArray[np.float64]


def compute(
    preset: Preset,
    windows: Floats,
    channels: Sequence[str] = (),
    settings: Vibration | None = None,
) -> Floats:
    """Features of n windows.

    Args:
        preset: which.
        windows: n x rows x channels. One that is not finite gives features that are not: nothing
            here fills or drops.
        channels: names of the columns; only ``vibration`` asks, for its speed.
        settings: of ``vibration``.

    Returns:
        n x features, in the order of ``presets.names``; ``raw`` gives the windows themselves.

    Raises:
        ValueError: ``vibration`` without settings.
    """
    if preset == "raw":
        return windows
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        if preset == "stats":
            return stats(windows)
        if settings is None:
            raise ValueError("vibration needs its settings")
        return _vibration(windows, list(channels), settings)


def _vibration(windows: Floats, channels: list[str], settings: Vibration) -> Floats:
    speed = np.full(len(windows), settings.rpm or 0.0)
    blocks = windows
    if settings.speed:
        column = channels.index(settings.speed)
        speed = windows[:, :, column].mean(axis=1)
        blocks = np.delete(windows, column, axis=2)
    if np.isfinite(windows).all():
        return vibration(blocks, speed, settings)
    good = np.isfinite(windows).all(axis=(1, 2))
    signals = blocks.shape[2]
    found = np.full((len(windows), signals * len(settings.names())), np.nan)
    found[good] = vibration(blocks[good], speed[good], settings)
    return found
