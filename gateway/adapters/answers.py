"""What the inference worker is asked and what it answered, read from its frames."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.core.frames import Frame


class Job(NamedTuple):
    """One window to judge."""

    model: str
    asset: str
    values: "array[float]"
    """rows x columns, row by row."""
    rows: int
    columns: int
    state: tuple[float, ...] = ()
    """The carried state; empty: zeros, or none."""


class Answer(NamedTuple):
    """What a model said of one job: a finite score, or the reason why there is none."""

    score: float | None
    outputs: Mapping[str, tuple[float, ...]]
    """By tensor name, as the manifest lists them, then the next states; empty on an error."""
    error: str | None = None
    """``deadline``, ``non-finite input``, ``non-finite output``, or more words."""


class Explained(NamedTuple):
    """What each channel adds to the score of one window, or the reason why nobody knows."""

    method: str
    """``occlusion`` or ``residuals``; empty on an error."""
    weights: tuple[float, ...]
    """Per channel, of signals per feature; above 0 what pushes towards an alarm. Only their
    proportions mean anything."""
    baseline: tuple[float, ...]
    """Per channel: what stood in for it, in the units of the window that was asked about."""
    error: str | None = None
    values: tuple[float, ...] = ()
    """Per channel: its newest value in the window; of signals, per feature."""


UNFIT: Final = Answer(None, {}, "values that are not rows x columns")


def answers(frame: Frame, groups: Sequence[Sequence[int]]) -> Iterator[tuple[int, Answer]]:
    """Yield (index of the job, answer) from the worker's frame.

    Raises:
        KeyError, TypeError, ValueError: the frame does not add up.
    """
    numbers, position = array("d"), 0
    numbers.frombytes(frame.block)
    for group, told in zip(groups, frame.header["groups"], strict=True):
        if "error" in told:
            yield from ((index, Answer(None, {}, str(told["error"]))) for index in group)
            continue
        columns: list[tuple[str, list[tuple[float, ...]]]] = []
        for name, width in (("", 1), *told["outputs"]):
            columns.append((str(name), _rows(numbers, position, len(group), width)))
            position += len(group) * width
        yield from zip(group, _group(columns, told["refused"]), strict=True)
    if position != len(numbers):
        raise ValueError("numbers too many")


def explained(frame: Frame, parts: int) -> Explained:
    """The worker's explanation of one window of so many channels or features.

    Raises:
        KeyError, TypeError, ValueError: the frame does not add up.
    """
    if "error" in frame.header:
        return Explained("", (), (), str(frame.header["error"]))
    numbers = array("d")
    numbers.frombytes(frame.block)
    if len(numbers) != 3 * parts or not all(map(math.isfinite, numbers)):
        raise ValueError("weights that are not one finite number per channel")
    weights, baseline, values = (tuple(numbers[i * parts : (i + 1) * parts]) for i in range(3))
    return Explained(str(frame.header["method"]), weights, baseline, values=values)


def _group(
    columns: Sequence[tuple[str, list[tuple[float, ...]]]], refused: Mapping[str, object]
) -> Iterator[Answer]:
    (_, scores), *outputs = columns
    for place, (score,) in enumerate(scores):
        if (why := refused.get(str(place))) is not None:
            yield Answer(None, {}, str(why))
        elif math.isfinite(score):
            yield Answer(score, {name: rows[place] for name, rows in outputs})
        else:
            raise ValueError(f"a score of {score}")


def _rows(numbers: "array[float]", start: int, count: int, width: int) -> list[tuple[float, ...]]:
    chunk = numbers[start : start + count * width]
    if width < 1 or len(chunk) != count * width:
        raise ValueError("numbers too few")
    return list(zip(*[iter(chunk)] * width, strict=True))
