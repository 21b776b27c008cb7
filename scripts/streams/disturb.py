"""The streaming detector under disturbed input: the same benchmark, its values spoilt.

By the reference in numpy, at the shipped package's level; ``scripts/score_streams --disturb``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gateway.models.package import verify
from scripts.streams.detector import Floats
from scripts.streams.nab import Stream, score, streams
from scripts.train.streaming import alarms, raw

DROPPED = 0.2
Spoilt = Callable[[Stream, np.random.Generator], Floats]


def noise(share: float) -> Spoilt:
    """Noise of so many of the file's standard deviations on every value."""
    return lambda one, random: one.values + random.normal(0, share * one.values.std(), len(one))


def dropout(one: Stream, random: np.random.Generator) -> Floats:
    """A fifth of the values lost, the last one held."""
    lost = random.random(len(one)) < DROPPED
    lost[0] = False
    kept = np.maximum.accumulate(np.where(lost, 0, np.arange(len(one))))
    found: Floats = one.values[kept]
    return found


def bias(one: Stream, _: np.random.Generator) -> Floats:
    """A standard deviation more, from the middle of what is scored."""
    start = (len(one) + one.probation) // 2
    return one.values + one.values.std() * (np.arange(len(one)) >= start)


def spoof(one: Stream, _: np.random.Generator) -> Floats:
    """The median of the probation for ever after it."""
    usual = np.median(one.values[: one.probation])
    return np.where(np.arange(len(one)) < one.probation, one.values, usual)


KINDS: dict[str, Spoilt] = {
    "nothing": lambda one, _: one.values,
    "noise of 0.1 sd": noise(0.1),
    "noise of 0.5 sd": noise(0.5),
    "20 % of the values lost, the last one held": dropout,
    "a bias of 1 sd that comes half-way": bias,
    "the sensor says what is usual": spoof,
}


def table(package: Path, data: Path) -> str:
    """Markdown."""
    every, level = list(streams(data)), float(str(verify(package).manifest.provenance["level"]))
    lines = [
        "| disturbance | NAB score | windows found | false alarms a day |",
        "|---|---|---|---|",
    ]
    for name, spoil in KINDS.items():
        lines.append(f"| {name} | {_judged(every, spoil, level)} |")
    return "\n".join(lines)


def _judged(every: Sequence[Stream], spoil: Spoilt, level: float) -> str:
    random = np.random.default_rng(1)
    spoilt = [replace(one, values=spoil(one, random)) for one in every]
    return str(score(spoilt, [alarms(one, level) for one in raw(spoilt)]))
