"""The model: how far a smoothed window lies from what is normal, all channels together.

An exponentially weighted mean over the window's rows, then the Mahalanobis distance of that mean,
scaled so that the decision level is 1. Windows come standardised (per asset by the daemon, or with
the mean and sd kept here). It is a handful of numbers, runs in microseconds, and says for each
channel how much of the distance is its own.
"""

from dataclasses import dataclass

import numpy as np

from scripts.train.datasets import Floats


@dataclass(frozen=True, slots=True)
class Smoothing:
    """What is done to a window's rows before they are judged."""

    decay: float
    """Weight of the newest row: 0.1 remembers about ten rows."""
    length: int
    """Rows in a window."""
    clip: float
    """Standard deviations beyond which one row says no more: a spike is not a fault, and a fault
    that is over must not echo."""

    @property
    def weights(self) -> Floats:
        """Oldest row first; they add up to 1."""
        raw = (1 - self.decay) ** np.arange(self.length)[::-1]
        shares: Floats = raw / raw.sum()
        return shares

    def apply(self, rows: Floats) -> Floats:
        """One smoothed row per window: (n, c) -> (n - length + 1, c)."""
        clipped = np.clip(rows, -self.clip, self.clip)
        windows = np.lib.stride_tricks.sliding_window_view(clipped, self.length, axis=0)
        return windows @ self.weights


@dataclass(frozen=True, slots=True)
class Distance:
    """A trained model."""

    smoothing: Smoothing
    mean: Floats
    """c; taken off first. Zeros where the daemon standardises."""
    sd: Floats
    """c; divided by next."""
    precision: Floats
    """c x c; the inverse covariance of smoothed normal rows, over the squared decision level."""

    def score(self, rows: Floats) -> Floats:
        """Scores of every window of a history (n, c), the same arithmetic as the graph's."""
        smooth = self.smoothing.apply((rows - self.mean) / self.sd)
        square = np.sum(smooth * (smooth @ self.precision), axis=1)
        distance: Floats = np.sqrt(np.maximum(square, 0))
        return distance

    def scaled(self, level: float) -> "Distance":
        """The same model with the decision level moved from ``level`` to 1."""
        return Distance(self.smoothing, self.mean, self.sd, self.precision / level**2)


def precision(smooth: Floats, ridge: float) -> Floats:
    """Inverse second moment about 0 of smoothed normal rows.

    Args:
        smooth: n x c, standardised: 0 is where the asset stood when it was calibrated, so drift
            away from there counts as normal variation.
        ridge: variance that any channel may have though training did not show it [sd^2]: keeps
            the quietest direction from ruling the distance.
    """
    moment = smooth.T @ smooth / len(smooth)
    return np.asarray(np.linalg.inv(moment + ridge * np.eye(smooth.shape[1])), dtype=np.float64)
