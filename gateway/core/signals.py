"""Signals: arrays of samples in one message, as vibration sensors send them.

A signal is one block of samples with the rate they were taken at. The metric's value is its rms
(the root of the mean square about its mean), so that rules, history and hourly values hold of it as
of any number; the samples go beside it, to the store and to models that take signals.

Samples are kept as 32-bit floats: 24 bits of a sensor fit, and what is stored is what was judged.
"""

import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import dist, fsum, hypot, isfinite, sqrt
from typing import Any, Final, Literal, Self

from gateway.core.messages import Tree
from gateway.core.paths import MISSING, Path

Encoding = Literal["numbers", "int16", "int16-be", "float32", "float32-be"]

MIN_SAMPLES: Final = 16
"""Fewer have no spectrum worth the name."""
MAX_SAMPLES: Final = 16_384
"""Taken of one message where the file does not say; most sensors send 1,024 to 8,192."""
LOWEST_HZ: Final = 1.0
HIGHEST_HZ: Final = 1_000_000.0
"""Rates beyond these are no rates: piezo sensors end at some 100 kHz."""
TOLERANCE: Final = 0.005
"""Rates this close are the same: the clock of a MEMS sensor is off by some 0.1 %, and half a
percent moves a bearing's line by less than its slip of 1 to 2 %."""

_TYPES: Final = {"int16": "h", "float32": "f"}
_NUMBERS: Final = frozenset({int, float})


class SignalError(ValueError):
    """These are no samples of a signal; the message says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a metric's samples are found in an uplink, and what they must be."""

    rate_hz: float | None = None
    """Samples a second, as declared."""
    rate_path: Path | None = None
    """Where the message itself says the rate [Hz]; with both, they must agree."""
    encoding: Encoding = "numbers"
    """An array of numbers, or base64 of packed ones, little-endian where it does not say ``be``."""
    scale_path: Path | None = None
    """Where the message says what one count is; it multiplies the metric's own scale."""
    max_samples: int = MAX_SAMPLES


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One block of samples, all finite, in the metric's unit."""

    samples: "array[float]"
    """32-bit floats."""
    rate_hz: float
    rms: float
    """About the mean."""
    peak: float
    """Largest distance from the mean."""
    counts: "array[int] | None" = None
    """The 16-bit integers that the sensor sent; None when it sent something else."""
    step: float = 1.0
    zero: float = 0.0
    """With counts, samples are counts * step + zero."""

    @classmethod
    def of(
        cls,
        samples: "array[float]",
        rate_hz: float,
        counts: "array[int] | None" = None,
        step: float = 1.0,
        zero: float = 0.0,
    ) -> Self:
        """Measure a block.

        Raises:
            SignalError: a sample is not finite.
        """
        if not all(map(isfinite, samples)):
            at = next(at for at, one in enumerate(samples) if not isfinite(one))
            raise SignalError(f"sample {at} is not finite")
        low, high, n = min(samples), max(samples), len(samples)
        if low == high:
            return cls(samples, rate_hz, 0.0, 0.0, counts, step, zero)
        mean = fsum(samples) / n
        rms = dist(samples, (mean,) * n) / sqrt(n)
        return cls(samples, rate_hz, rms, max(high - mean, mean - low), counts, step, zero)

    @classmethod
    def of_counts(cls, counts: "array[int]", rate_hz: float, step: float, zero: float) -> Self:
        """Measure a block of 16-bit integers."""
        plain = (step, zero) == (1.0, 0.0)
        samples = array("f", counts if plain else [one * step + zero for one in counts])
        return cls.of(samples, rate_hz, counts, step, zero)

    @property
    def mean(self) -> float:
        """What it swings about."""
        return fsum(self.samples) / len(self.samples)

    @property
    def duration_s(self) -> float:
        """From the first sample to the next block's."""
        return len(self.samples) / self.rate_hz

    @property
    def crest(self) -> float:
        """Peak over rms; 0 for a block that stands still."""
        return self.peak / self.rms if self.rms > 0 else 0.0

    @property
    def kurtosis(self) -> float:
        """Fourth moment over the squared second; 3 for Gaussian noise, and for a still block."""
        if not self.rms > 0:
            return 3.0
        mean, power = self.mean, self.rms * self.rms
        squares = [(one - mean) * (one - mean) / power for one in self.samples]
        return hypot(*squares) ** 2 / len(squares)


def find(path: Path, values: Tree, most: int) -> Tree:
    """The samples at a path; one that fans out gathers them, as ``[*].x`` of a list of points."""
    if not path.fans_out:
        return path.first(values)
    found = [one for _, one in islice(path.find(values), most + 1)]
    return found or MISSING


def read(
    sampling: Sampling, raw: Tree, values: Tree, scale: float = 1.0, offset: float = 0.0
) -> Signal:
    """Read a block of samples.

    Args:
        sampling: what was declared.
        raw: what is at the metric's path.
        values: the document around it, for the rate and the scale.
        scale: with ``offset``, from raw samples to the metric's unit: raw * scale + offset.
        offset: see scale.

    Raises:
        SignalError: it is none; what is wrong, and at which sample.
    """
    if sampling.scale_path is not None:
        scale *= _number(sampling.scale_path, values, "scale")
    rate_hz = _rate_hz(sampling, values)
    numbers = _array(raw, sampling) if sampling.encoding == "numbers" else _packed(raw, sampling)
    if len(numbers) < MIN_SAMPLES:
        raise SignalError(f"{len(numbers)} samples, at least {MIN_SAMPLES} are a signal")
    counts = _counts(numbers)
    if counts is not None:
        return Signal.of_counts(counts, rate_hz, scale, offset)
    plain = (scale, offset) == (1.0, 0.0)
    scaled: Any = numbers if plain else [one * scale + offset for one in numbers]
    return Signal.of(array("f", scaled), rate_hz)


def same_rate(one_hz: float, other_hz: float) -> bool:
    """They differ by no more than sensors' clocks do."""
    return abs(one_hz - other_hz) <= TOLERANCE * max(one_hz, other_hz)


def _rate_hz(sampling: Sampling, values: Tree) -> float:
    declared = sampling.rate_hz
    if sampling.rate_path is None:
        if declared is None:
            raise SignalError("no rate is declared")
        return declared
    found = _number(sampling.rate_path, values, "rate")
    if not LOWEST_HZ <= found <= HIGHEST_HZ:
        raise SignalError(f"a rate of {found:g} Hz cannot be")
    if declared is not None and not same_rate(found, declared):
        raise SignalError(f"a rate of {found:g} Hz, where {declared:g} Hz is declared")
    return found


def _number(path: Path, values: Tree, what: str) -> float:
    found = path.first(values)
    if found is MISSING or found is None:
        raise SignalError(f"no {what} at {path}")
    if type(found) not in _NUMBERS or not isfinite(found):  # type: ignore[arg-type]  # by type()
        raise SignalError(f"the {what} at {path} is {_described(found)}, no number")
    return float(found)  # type: ignore[arg-type]


def _array(raw: Tree, sampling: Sampling) -> Sequence[float]:
    if not isinstance(raw, list):
        raise SignalError(f"{_described(raw)} where an array of numbers should be")
    _bounded(len(raw), sampling)
    if not set(map(type, raw)) <= _NUMBERS:
        at, wrong = next((at, one) for at, one in enumerate(raw) if type(one) not in _NUMBERS)
        raise SignalError(f"sample {at} is {_described(wrong)}, no finite number")
    return raw


def _packed(raw: Tree, sampling: Sampling) -> "array[Any]":
    kind, _, big = sampling.encoding.partition("-")
    numbers: array[Any] = array(_TYPES[kind])
    if not isinstance(raw, str):
        raise SignalError(f"{_described(raw)} where base64 text should be")
    _bounded(len(raw) * 3 // 4 // numbers.itemsize - 2, sampling)  # before it is decoded
    try:
        content = b64decode(raw, validate=True)
    except (Base64Error, ValueError) as error:
        raise SignalError(f"no base64: {error}") from None
    if len(content) % numbers.itemsize:
        raise SignalError(f"{len(content)} bytes are no whole number of {kind}")
    numbers.frombytes(content)
    _bounded(len(numbers), sampling)
    if bool(big) is (sys.byteorder == "little"):
        numbers.byteswap()
    return numbers


def _bounded(count: int, sampling: Sampling) -> None:
    if count > sampling.max_samples:
        raise SignalError(f"{count} samples, more than {sampling.max_samples}")


def _counts(numbers: Sequence[float]) -> "array[int] | None":
    """The same as 16-bit integers, where they are that."""
    if isinstance(numbers, array):
        return numbers if numbers.typecode == "h" else None
    low, high = -(1 << 15), (1 << 15) - 1
    whole = set(map(type, numbers)) == {int} and low <= min(numbers) and max(numbers) <= high
    return array("h", numbers) if whole else None  # type: ignore[arg-type]  # all are int


def _described(value: Tree) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return repr(value)[:40]
