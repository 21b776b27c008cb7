"""Disturbed windows: what sensors do to a model, and what a liar could.

All sizes are in standard deviations of the channel over the given windows, so that one table reads
the same for every model.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from random import Random
from statistics import fmean, median, pstdev
from typing import Final, NamedTuple

Window = "array[float]"
NOISE_SD: Final = 0.1
BIAS_SD: Final = 1.0
DROPPED: Final = 0.2
REPEATS: Final = 5
"""How often what is random is repeated."""


class Channel(NamedTuple):
    """What is usual for one column."""

    name: str
    usual: float
    """Median."""
    sd: float


class Disturbance(NamedTuple):
    """One way to spoil all windows."""

    kind: str
    channel: str
    """The one that is spoilt; empty: all."""
    windows: "list[array[float]]"


def channels(windows: "Sequence[array[float]]", names: Sequence[str]) -> list[Channel]:
    """What is usual per column; a column that never moves gets a spread of a twentieth of it."""
    found = []
    for column, name in enumerate(names):
        values = [value for window in windows for value in window[column :: len(names)]]
        spread = pstdev(values) or abs(fmean(values)) / 20 or 1.0
        found.append(Channel(name, median(values), spread))
    return found


def disturbances(
    windows: "Sequence[array[float]]", usual: Sequence[Channel], seed: int = 1
) -> Iterator[Disturbance]:
    """Yield every disturbance of the windows.

    noise: all channels, 0.1 sd. bias: one channel, 1 sd up. dropout: a fifth of the rows lost, the
    last one held. spoof: one channel says what is usual, whatever happens.
    """
    random = Random(seed)  # noqa: S311  # not for secrets; the same table each time
    width = len(usual)
    for _ in range(REPEATS):
        noisy = [_each(window, lambda at, v: random.gauss(v, NOISE_SD * usual[at % width].sd))
                 for window in windows]  # fmt: skip
        yield Disturbance("noise", "", noisy)
        yield Disturbance("dropout", "", [_dropped(window, width, random) for window in windows])
    for column, channel in enumerate(usual):
        yield Disturbance("bias", channel.name, _biased(windows, column, width, channel))
        yield Disturbance("spoof", channel.name, _spoofed(windows, column, width, channel))


def _biased(
    windows: "Sequence[array[float]]", column: int, width: int, channel: Channel
) -> "list[array[float]]":
    step = BIAS_SD * channel.sd
    return [_each(window, lambda at, v: v + step if at % width == column else v)
            for window in windows]  # fmt: skip


def _spoofed(
    windows: "Sequence[array[float]]", column: int, width: int, channel: Channel
) -> "list[array[float]]":
    return [_each(window, lambda at, v: channel.usual if at % width == column else v)
            for window in windows]  # fmt: skip


def _each(window: "array[float]", change: Callable[[int, float], float]) -> "array[float]":
    return array("d", (change(at, value) for at, value in enumerate(window)))


def _dropped(window: "array[float]", width: int, random: Random) -> "array[float]":
    held = window[:width]
    found = array("d", held)
    for start in range(width, len(window), width):
        if random.random() >= DROPPED:
            held = window[start : start + width]
        found.extend(held)
    return found
