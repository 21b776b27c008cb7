"""The scalars of the file: what a word means, and the type that says so."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import core_schema

from gateway.config.tree import Word
from gateway.core import durations, rules, times
from gateway.core.paths import Path
from gateway.core.rules import Expression
from gateway.core.signals import HIGHEST_HZ, LOWEST_HZ

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kKMGT]i?)?B?", re.ASCII)
_PREFIXES = {"k": 1, "M": 2, "G": 3, "T": 4}
_VOTES = re.compile(r"([0-9]{1,4}) +of +([0-9]{1,4})", re.ASCII)
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([^0-9/ ][^ ]*)?/(s|min|h)", re.ASCII)
_WINDOWS = re.compile(r"([0-9]{1,7})(?: +windows?)?", re.ASCII)
_FREQUENCY = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?) ?(k?Hz)?", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class Votes(NamedTuple):
    """So many of the last so many."""

    hits: int
    of: int


class RateOf(NamedTuple):
    """So much change per second."""

    per_s: float
    unit: str
    """As written; empty when it was left out."""


class Target(NamedTuple):
    """A device as a source knows it."""

    source: str
    device: str


def _text(value: object, form: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"should be {form}")  # noqa: TRY004 - pydantic reports ValueErrors
    return str(value)


def _duration(value: object) -> int:
    return durations.parse(_text(value, "a duration like 15m"))


def size(value: object) -> int:
    """Bytes of a size like 2GiB; raises ValueError when it is none."""
    found = _SIZE.fullmatch(_text(value, "a size like 2GiB"))
    if found is None:
        raise ValueError(f"not a size: {str(value)!r}; write it like 512MiB, 2GiB or 10MB")
    prefix = found[2] or ""
    base = 1024 if prefix.endswith("i") else 1000
    power = _PREFIXES["k" if prefix[:1] == "K" else prefix[0]] if prefix else 0
    return round(float(found[1]) * int(base**power))


def _votes(value: object) -> Votes:
    found = _VOTES.fullmatch(_text(value, "a count like 3 of 5"))
    if found is None:
        raise ValueError(f"not a count: {str(value)!r}; write it like 3 of 5")
    votes = Votes(int(found[1]), int(found[2]))
    if not 1 <= votes.hits <= votes.of <= _MOST_VOTES:
        raise ValueError(f"{value} cannot be: from 1 of 1 to {_MOST_VOTES} of {_MOST_VOTES}")
    return votes


_MOST_VOTES = 1_000


def _windows(value: object) -> int:
    found = _WINDOWS.fullmatch(_text(value, "a count like 500 windows"))
    if found is None or not int(found[1]):
        raise ValueError(f"not a count: {str(value)!r}; write it like 500 windows")
    return int(found[1])


def _rate(value: object) -> RateOf:
    found = _RATE.fullmatch(_text(value, "a rate like 5/min").strip())
    if found is None or not float(found[1]):
        raise ValueError(f"not a rate: {str(value)!r}; write it like 5/min or 0.2 degC/s")
    return RateOf(float(found[1]) / _SECONDS[found[3]], found[2] or "")


def _frequency(value: object) -> float:
    found = _FREQUENCY.fullmatch(_text(value, "a frequency like 12 kHz").strip())
    if found is None:
        raise ValueError(f"not a frequency: {str(value)!r}; write it like 12000 Hz or 12.8 kHz")
    hz = float(found[1]) * (1000 if found[2] == "kHz" else 1)
    if not LOWEST_HZ <= hz <= HIGHEST_HZ:
        raise ValueError(f"{value} cannot be: from {LOWEST_HZ:g} Hz to {HIGHEST_HZ:g} Hz")
    return hz


def _moment(value: object) -> int:
    form = "a time with its zone, like 2026-01-04T08:00:00Z"
    found = times.parse(_text(value, form), "iso8601")
    if found is None:
        raise ValueError(f"not a time: {str(value)!r}; write {form}")
    return found


def _target(value: object) -> Target:
    source, slash, device = _text(value, "<source>/<device>").partition("/")
    if not (source and slash and device):
        raise ValueError("should be <source>/<device>, as in zigbee/line 3/pump plug")
    return Target(source, device)


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError(f"the first number must be below the second, not [{span[0]}, {span[1]}]")
    return span


def _expression(value: object) -> Expression:
    return rules.parse(_text(value, "a rule like temperature > 90"))


def _path(value: object) -> Path:
    return Path.parse(_text(value, "a path like object.temperature"))


def free(value: object) -> Any:
    """A value whose type the user gives: quoted is text, else a number, true, false or text."""
    if isinstance(value, dict):
        return {str(key): free(item) for key, item in value.items()}
    if isinstance(value, list):
        return [free(item) for item in value]
    if not isinstance(value, Word):
        return value
    if value in ("true", "false"):
        return value == "true"
    if _NUMBER.fullmatch(value):
        number = json.loads(value)
        if abs(number) > _LARGEST:
            raise ValueError("too large a number")
        return number
    return str(value)


_LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """One value stands for a list of one."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        many = handler(schema)
        return {"anyOf": [many["items"], many]} if "items" in many else many


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def schema_of(kind: str, example: str, pattern: str = "") -> WithJsonSchema:
    """What an editor is told of a scalar: its kind, an example, a pattern."""
    schema: dict[str, Any] = {"type": kind, "examples": [example]}
    if pattern:
        schema["pattern"] = pattern
    return WithJsonSchema(schema)


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    schema_of("string", "15m", r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d|w|y)$"),
]
"""Milliseconds, written like 15m."""
Moment = Annotated[
    int, BeforeValidator(_moment), schema_of("string", "2026-01-04T08:00:00Z", "^[0-9]{4}-")
]
"""UTC epoch milliseconds, written like 2026-01-04T08:00:00Z."""
Size = Annotated[
    int, BeforeValidator(size), schema_of("string", "2GiB", r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B?$")
]
"""Bytes, written like 2GiB."""
Count = Annotated[
    Votes, BeforeValidator(_votes), schema_of("string", "3 of 5", "^[0-9]+ +of +[0-9]+$")
]
WindowCount = Annotated[
    int, BeforeValidator(_windows), schema_of("string", "500 windows", "^[0-9]+( +windows?)?$")
]
Device = Annotated[
    Target, BeforeValidator(_target), schema_of("string", "zigbee/pump plug", "^[^/]+/.+$")
]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Rate = Annotated[
    RateOf,
    BeforeValidator(_rate),
    schema_of("string", "5/min", r"^[0-9]+(\.[0-9]+)? ?[^0-9/ ]*[^ ]*/(s|min|h)$"),
]
"""Change per second, written like 5/min."""
Rule = Annotated[Expression, BeforeValidator(_expression), schema_of("string", "temperature > 90")]
PathText = Annotated[Path, BeforeValidator(_path), schema_of("string", "object.temperature")]
Frequency = Annotated[
    float,
    BeforeValidator(_frequency),
    schema_of("string", "12 kHz", r"^[0-9]+(\.[0-9]+)? ?(k?Hz)?$"),
]
"""Hertz, written like 12 kHz."""
Free = Annotated[Any, BeforeValidator(free)]
Locks = Annotated[tuple[Rule, ...], OneOrMore()]
Name = Annotated[str, Field(pattern=_NAME, max_length=64)]
Label = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]*$", max_length=32)]
