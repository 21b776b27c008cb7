"""A streaming detector for one slow sensor: three scores of each value, and their mean.

- Forecast: how badly the last eight values foretold this one (recursive least squares).
- Level: how far the value lies from the usual ones (robust z over a long memory).
- Shape: what is left of the last 32 values beside the four components that such windows usually
  have (learnt as they come, Oja 1982).

Each is turned into how unusual it is *for this score*: how many of its standard deviations the
recent mean lies above its own long history. The state is 285 numbers, however long it runs; there
is no look-ahead, no label, no setting per sensor. Values come standardised: by the daemon's
calibration, on the sensor's own first values.

This is the reference in numpy of what ``graph.py`` builds as ONNX, many streams at once.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ORDER: Final = 8
FORGET: Final = 0.9995
PRIOR: Final = 100.0
"""Variance of a weight of the forecast, before anything was seen."""
MOST_TRACE: Final = 1e4
"""Of the inverse: what forgets for ever without news must not grow for ever."""
MEMORY: Final = 2_000
"""Values that the level remembers, about."""
WINDOW: Final = 32
PARTS: Final = 4
PACE: Final = 0.02
"""How fast the components are learnt, at least."""
RECENT: Final = (5, 15, 3)
LONG: Final = (5_000.0, 2_000.0, 5_000.0)
"""Of forecast, level and shape: values whose mean is held against how many before."""
STARTS: Final = (0.0, 0.0, float(WINDOW))
"""Values before each has a history."""
FAR: Final = 50.0
"""Standard deviations beyond which a value says no more."""
MOST_Z: Final = 20.0
REFRACTORY: Final = 0.05
MOST_SILENCE: Final = 1_000.0
"""After an alarm none is raised for this share of what was seen so far, or for so many values."""
HUSHED: Final = 0.99
"""What a score says at most in that time, of the level 1."""

LAYOUT: Final = {
    "count": 1,
    "silent": 1,
    "past": WINDOW,
    "weights": ORDER + 1,
    "inverse": (ORDER + 1) ** 2,
    "quartiles": 3,
    "centre": 1,
    "parts": PARTS * WINDOW,
    "recent": sum(RECENT),
    "mean": 3,
    "variance": 3,
}
"""The state, in this order; all zeros at the beginning."""
SIZE: Final = sum(LAYOUT.values())
PRIORS: Final = {
    "inverse": PRIOR * np.eye(ORDER + 1).ravel(),
    "parts": np.eye(WINDOW)[:PARTS].ravel(),
}
"""What these begin with; the state holds the difference to it."""

State = dict[str, Floats]


def unpacked(state: Floats) -> State:
    """n x ``SIZE`` -> by name, n x size each."""
    ends = np.cumsum(list(LAYOUT.values()))
    return {
        name: state[:, end - size : end] + PRIORS.get(name, 0.0)
        for (name, size), end in zip(LAYOUT.items(), ends, strict=True)
    }


def packed(state: State) -> Floats:
    """By name -> n x ``SIZE``."""
    return np.concatenate([state[name] - PRIORS.get(name, 0.0) for name in LAYOUT], axis=1)


def step(values: Floats, before: Floats, level: float) -> tuple[Floats, Floats]:
    """Take one value of each of n streams.

    Args:
        values: n, standardised.
        before: n x ``SIZE``.
        level: where a score is 1.

    Returns:
        n scores, and the next state.
    """
    state = unpacked(before)
    value = np.clip(values, -FAR, FAR)[:, np.newaxis]
    raw = np.concatenate([forecast(value, state), distance(value, state), rest(value, state)], 1)
    z = unusual(raw, state)
    score = np.clip(z, 0.0, MOST_Z).mean(axis=1, keepdims=True) / level
    state["count"] = state["count"] + 1
    shown = hushed(score, state)
    return shown[:, 0], packed(state)


def forecast(value: Floats, state: State) -> Floats:
    """The logarithm of how far the forecast was off; learns from it."""
    inverse = state["inverse"].reshape(-1, ORDER + 1, ORDER + 1)
    row = np.concatenate([np.ones_like(value), state["past"][:, -ORDER:]], axis=1)
    off = value - np.sum(state["weights"] * row, axis=1, keepdims=True)
    pulled = np.sum(inverse * row[:, np.newaxis], axis=2)
    gain = pulled / (FORGET + np.sum(row * pulled, axis=1, keepdims=True))
    state["weights"] = state["weights"] + gain * off
    inverse = (inverse - gain[:, :, np.newaxis] * pulled[:, np.newaxis]) / FORGET
    inverse = (inverse + inverse.transpose(0, 2, 1)) / 2
    trace = np.trace(inverse, axis1=1, axis2=2)[:, np.newaxis, np.newaxis]
    inverse = inverse * np.minimum(1.0, MOST_TRACE / trace)
    state["inverse"] = inverse.reshape(len(value), -1)
    return np.log(1 + np.abs(off))


def distance(value: Floats, state: State) -> Floats:
    """The logarithm of the distance from the median in spreads; the quartiles step after it."""
    low, middle, high = np.split(state["quartiles"], 3, axis=1)
    spread = high - low
    z = np.abs(value - middle) / np.maximum(spread, 1e-3)
    pace = np.maximum(1 / MEMORY, 0.5 / (state["count"] + 1)) * np.maximum(spread, 0.05) * 4
    below = (value <= state["quartiles"]).astype(np.float64)
    state["quartiles"] = state["quartiles"] + pace * (np.array([0.25, 0.5, 0.75]) - below)
    return np.log(1 + z)


def rest(value: Floats, state: State) -> Floats:
    """Root mean square of what the components leave of the window; they turn towards it."""
    state["past"] = np.concatenate([state["past"][:, 1:], value], axis=1)
    off = state["past"] - state["centre"]
    parts = np.split(state["parts"], PARTS, axis=1)
    shares = [np.sum(part * off, axis=1, keepdims=True) for part in parts]
    left = off - sum(share * part for share, part in zip(shares, parts, strict=True))
    found: Floats = np.sqrt(np.mean(left * left, axis=1, keepdims=True))
    energy = np.maximum(np.sum(off * off, axis=1, keepdims=True), 1.0)
    once = 1 / (state["count"] + 1)
    pace = np.maximum(PACE, once) / energy
    turned: list[Floats] = []
    for share, part in zip(shares, parts, strict=True):  # and at right angles again (Gram-Schmidt)
        new = part + pace * share * left
        for other in turned:
            new = new - np.sum(new * other, axis=1, keepdims=True) * other
        length = np.sqrt(np.sum(new * new, axis=1, keepdims=True))
        turned.append(new / np.maximum(length, 1e-9))
    state["parts"] = np.concatenate(turned, axis=1)
    state["centre"] = state["centre"] + np.maximum(1 / MEMORY, once) * (value - state["centre"])
    return found


def unusual(raw: Floats, state: State) -> Floats:
    """How many standard deviations the recent means of the three lie above their history."""
    ends = np.cumsum(RECENT)
    recent = [
        np.concatenate([state["recent"][:, end - size + 1 : end], raw[:, i : i + 1]], axis=1)
        for i, (size, end) in enumerate(zip(RECENT, ends, strict=True))
    ]
    state["recent"] = np.concatenate(recent, axis=1)
    short = np.concatenate([part.mean(axis=1, keepdims=True) for part in recent], axis=1)
    age = state["count"] + 1 - np.array(STARTS)
    spread = np.sqrt(state["variance"]) + 1e-9
    z = np.where(age > np.array(RECENT) + 1.0, (short - state["mean"]) / spread, 0.0)
    rate = np.where(age >= 1, np.maximum(1 / np.array(LONG), 1 / np.maximum(age, 1.0)), 0.0)
    off = raw - state["mean"]
    state["mean"] = state["mean"] + rate * off
    state["variance"] = state["variance"] + rate * (off * off - state["variance"])
    return z


def hushed(score: Floats, state: State) -> Floats:
    """One event, one alarm: below 1 for a while after a score that was 1 or more."""
    count = state["count"]
    shown = np.where(count > state["silent"], score, np.minimum(score, HUSHED))
    silence = np.clip(REFRACTORY * count, 1.0, MOST_SILENCE)
    state["silent"] = np.where(shown >= 1, count + silence, state["silent"])
    return shown


def scores(values: Floats, level: float = 1.0) -> Iterator[Floats]:
    """The n scores after each row of rows x n streams, from the beginning."""
    state = np.zeros((values.shape[1], SIZE))
    for row in values:
        said, state = step(row, state, level)
        yield said
