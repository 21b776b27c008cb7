"""The preset ``vibration``: what a bearing tells in one block of samples."""

import numpy as np
import numpy.typing as npt
from numpy import fft  # numpy imports it at its first use, when the worker can read no file

from gateway.models.features.presets import Vibration

Floats = npt.NDArray[np.float64]

HARMONICS = 3
TOLERANCE = 0.02
"""How far a line may lie from its order: rolling elements slip by 1 to 2 %."""


def vibration(blocks: Floats, speed_rpm: Floats, settings: Vibration) -> Floats:
    """Turn n x samples x signals and n speeds [rpm] into n x (features per signal)."""
    n, samples, signals = blocks.shape
    off = blocks - blocks[:, :1]  # a sensor that stands still has exactly no shakes
    off = np.moveaxis(off - off.mean(axis=1, keepdims=True), 1, 2)
    spectrum = fft.rfft(off)
    parts = [
        shakes(off),
        bands(spectrum, samples, settings),
        orders(envelope(spectrum, samples, settings), samples, speed_rpm, settings),
    ]
    return np.concatenate(parts, axis=2).reshape(n, signals * len(settings.names()))


def shakes(off: Floats) -> Floats:
    """... x samples without their mean -> ... x 4: rms, peak, crest, kurtosis."""
    square = off * off
    power = square.mean(axis=-1)
    rms, peak = np.sqrt(power), np.abs(off).max(axis=-1)
    still = power <= 0
    safe = np.where(still, 1.0, power)
    fourth = (square * square).mean(axis=-1)  # x**4 takes sixteen times as long
    kurtosis = np.where(still, 3.0, fourth / (safe * safe))
    return np.stack([rms, peak, np.where(still, 0.0, peak / np.sqrt(safe)), kurtosis], axis=-1)


def bands(spectrum: npt.NDArray[np.complex128], samples: int, settings: Vibration) -> Floats:
    """Mean square per band (Parseval): the bands of a partition add up to the squared rms."""
    frequencies = fft.rfftfreq(samples, 1 / settings.rate_hz)
    power = (spectrum.real**2 + spectrum.imag**2) * 2 / samples**2
    power[..., 0] /= 2
    if samples % 2 == 0:
        power[..., -1] /= 2  # half the rate has no mirror image
    nyquist = settings.rate_hz / 2
    found = np.zeros((*power.shape[:-1], len(settings.bands_hz)))
    for i, (low, high) in enumerate(settings.bands_hz):
        inside = (frequencies >= low) & ((frequencies < high) | (high >= nyquist))
        found[..., i] = power[..., inside].sum(axis=-1)
    return found


def envelope(spectrum: npt.NDArray[np.complex128], samples: int, settings: Vibration) -> Floats:
    """The spectrum of the envelope of the ringing band, by the analytic signal.

    The positive half of a band alone, turned back into time, has the envelope as its modulus.
    """
    low, high = settings.ringing_hz
    frequencies = fft.rfftfreq(samples, 1 / settings.rate_hz)
    analytic = np.zeros((*spectrum.shape[:-1], samples), dtype=np.complex128)
    half = frequencies.size
    analytic[..., :half] = np.where((frequencies >= low) & (frequencies <= high), spectrum, 0)
    shape = 2 * np.abs(fft.ifft(analytic))
    shape -= shape.mean(axis=-1, keepdims=True)
    lines: Floats = np.abs(fft.rfft(shape * np.hanning(samples)))
    return lines


def orders(lines: Floats, samples: int, speed_rpm: Floats, settings: Vibration) -> Floats:
    """How far each order stands out: n x signals x envelope lines to n x signals x orders."""
    found = np.zeros((*lines.shape[:-1], len(settings.orders)))
    floor = np.median(lines[..., 1:], axis=-1) if lines.shape[-1] > 1 else np.zeros(found.shape[:2])
    safe = np.where(floor > 0, floor, np.inf)
    per_line = settings.rate_hz / samples
    for window, rpm in enumerate(speed_rpm.tolist()):
        for i, order in enumerate(settings.orders):
            centre = order * rpm / 60 / per_line
            tops = [_top(lines[window], centre * k) for k in range(1, HARMONICS + 1)]
            found[window, :, i] = np.mean(tops, axis=0) / safe[window]
    return found


def _top(lines: Floats, centre: float) -> Floats:
    """The largest line within the tolerance of a place.

    0 beyond the last line, and for a shaft that stands: all its orders fall on line 0.
    """
    last = lines.shape[-1] - 1
    if not 1 <= centre <= last:
        return np.zeros(lines.shape[0])
    first = max(1, int(np.floor(centre * (1 - TOLERANCE))))
    top: Floats = lines[:, first : int(np.ceil(centre * (1 + TOLERANCE))) + 1].max(axis=-1)
    return top
