"""The spec: what the daemon tells the process of sync at its start, as one line of JSON.

The process must not read the user's file: what checks that takes 20 MB of memory.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, cast, get_args, get_origin, get_type_hints

from gateway import registry
from gateway.core import hours
from gateway.core.choices import Choice
from gateway.core.hours import Hours
from gateway.core.sync_pace import Allowance

Backfill = Literal["oldest", "newest", "none"]


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One cloud."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    """Fields of the sink's own ``Settings``."""
    choice: Mapping[str, Any]
    """``Choice.tree``."""
    budget: int | None = None
    rate: float | None = None
    hours: str = ""
    """As in the file; empty: always."""
    every_ms: int = 10_000
    backfill: Backfill = "oldest"

    def chosen(self) -> Choice:
        """What it is sent."""
        return Choice.of(self.choice)

    def allowance(self) -> Allowance:
        """What it may take of the link."""
        return Allowance(self.budget, self.rate, _hours(self.hours) if self.hours else None)

    def made(self) -> Any:
        """The sink's own settings.

        Raises:
            ConfigError: there is no such sink.
            ValueError, TypeError, KeyError: it has other settings.
        """
        noun: type = registry.find("sinks", self.kind).Settings  # type: ignore[attr-defined]
        return thawed(noun, self.settings)


@dataclass(frozen=True, slots=True)
class Spec:
    """All of it."""

    gateway: str
    database: str
    ledger: str
    key_file: str
    """Of the pseudonyms, as the file names it; empty: our own."""
    own_key_file: str
    parent: int
    """The daemon's process id."""
    sinks: tuple[SinkSpec, ...]

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self), default=_plain).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes | str) -> Self:
        """Read what ``line`` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        told = json.loads(line)
        told["sinks"] = tuple(SinkSpec(**one) for one in told["sinks"])
        return cls(**told)


def _hours(text: str) -> Hours:
    from zoneinfo import ZoneInfo  # the daemon writes lines, and reads none

    spans, zone = hours.parse(text)
    return Hours(text, spans, ZoneInfo(zone))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be told to another process")


def thawed(hint: Any, value: Any) -> Any:
    """A value of a type that dataclasses of settings use, from what JSON made of it."""
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        given = {field.name: field.name in value for field in fields(hint)}
        return hint(
            **{name: thawed(hints[name], value[name]) for name, there in given.items() if there}
        )
    origin, args = get_origin(hint), get_args(hint)
    if origin is Union or origin is UnionType:
        return None if value is None else thawed(_one(args), value)
    if origin in (tuple, frozenset):
        return cast("Any", origin)(thawed(args[0], one) for one in value)
    if origin is not None and isinstance(value, dict):
        return {key: thawed(args[1], one) for key, one in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum | Path):
        return hint(value)
    return value


def _one(args: tuple[Any, ...]) -> Any:
    """Of ``X | None`` the X; of more choices none that has to be made anew."""
    known = [arg for arg in args if arg is not type(None)]
    return known[0] if len(known) == 1 else object
