"""Sinks: each cloud's own ``Settings`` dataclass becomes part of the file's model."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, create_model

from gateway import registry
from gateway.config import nouns
from gateway.config.guards import HoursText
from gateway.config.inference import PerDay
from gateway.config.scalars import Duration, Name, OneOrMore, schema_of, size
from gateway.config.schema import Section
from gateway.config.settings import SyncSink
from gateway.core.choices import Choice, Kind
from gateway.core.sync_pace import Allowance

_PER_SECOND = re.compile(r"(.+?) ?/ ?s", re.ASCII)


def _rate(value: object) -> int:
    found = _PER_SECOND.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"not a size per second: {value!r}; write it like 100kB/s")
    return size(found[1])


PerSecond = Annotated[int, BeforeValidator(_rate), schema_of("string", "100kB/s", "/ ?s$")]


class SinkSection(Section):
    """A cloud that is told what happens here."""

    sink: str
    """Which kind of cloud."""
    send: Annotated[tuple[Kind, ...], OneOrMore(), Field(min_length=1)]
    """``decisions`` (and their commands), ``alerts``, ``audit`` (its other records, and the signed
    checkpoints), ``health``, and either ``readings`` or ``readings/1m``: n, lowest, mean, highest
    and last of each minute."""
    assets: Annotated[tuple[Name, ...], OneOrMore()] = ()
    """Only what is about these; default: everything."""
    metrics: Annotated[tuple[Name, ...], OneOrMore()] = ()
    """Only readings of these metrics; default: of all."""
    pseudonyms: bool | None = None
    """Sources, devices and assets under keyed pseudonyms, and no free texts; default: as
    ``privacy`` has it."""
    budget: Annotated[PerDay, Field(ge=10_000)] | None = None
    """Most bytes of readings in a day of UTC, as they are packed; events are counted, and always
    sent."""
    rate: Annotated[PerSecond, Field(ge=100)] | None = None
    """Most bytes of readings in a second."""
    hours: HoursText | None = None
    """``Mo-Fr 22:00-06:00 Europe/Berlin``: no connection outside of these hours, nor while the wall
    clock cannot be believed."""
    every: Annotated[Duration, Field(ge=100, le=86_400_000)] = 10_000
    """So long readings are gathered; events leave within a second."""
    backfill: Literal["oldest", "newest", "none"] = "oldest"
    """After an outage new readings go first. Those of the outage follow beside them, the oldest or
    the newest outage first, or never."""

    noun: ClassVar[type | None] = None
    """The sink's own settings, whose docstrings describe the other keys."""


@cache
def kinds() -> tuple[str, ...]:
    """The sinks there are."""
    return registry.kinds("sinks")


@cache
def section(kind: str) -> type[SinkSection]:
    """The model of a sink of this kind.

    Raises:
        ConfigError: there is no such sink.
    """
    noun: type = registry.find("sinks", kind).Settings  # type: ignore[attr-defined]
    own: dict[str, Any] = {"sink": (Literal[kind], Field()), **nouns.fields_of(noun)}
    model: type[SinkSection] = create_model(
        f"{kind}_sink", __base__=SinkSection, __doc__=noun.__doc__, **own
    )
    model.noun = noun
    return model


def _sink(value: object) -> object:
    """Validate a sink by its kind's model; its errors come out with their places."""
    if isinstance(value, SinkSection):
        return value
    return section(nouns.kind_of(value, "sink", kinds())).model_validate(value)


SinkEntry = Annotated[Any, BeforeValidator(_sink)]


def choice(entry: SinkSection, *, pseudonyms: bool) -> Choice:
    """What it is sent; ``pseudonyms``: where it does not say."""
    hidden = pseudonyms if entry.pseudonyms is None else entry.pseudonyms
    return Choice(frozenset(entry.send), frozenset(entry.assets), frozenset(entry.metrics), hidden)


def settings(entry: SinkSection, here: Path) -> Any:
    """The sink's settings object from what the user wrote; paths are relative to the file.

    Raises:
        ValueError: the sink refuses the combination.
    """
    return _placed(nouns.made(type(entry).noun or type(entry), entry), here)


def sinks(
    entries: Mapping[str, SinkSection], here: Path, *, pseudonyms: bool
) -> dict[str, SyncSink]:
    """Every sink of the file."""
    return {
        name: SyncSink(
            name=name,
            kind=entry.sink,
            settings=settings(entry, here),
            choice=choice(entry, pseudonyms=pseudonyms),
            allowance=Allowance(entry.budget, entry.rate, entry.hours),
            every_ms=entry.every,
            backfill=entry.backfill,
        )
        for name, entry in entries.items()
    }


def _placed(noun: Any, here: Path) -> Any:
    """With absolute paths, also in parts that are dataclasses."""
    changed: dict[str, Any] = {}
    for field in fields(noun):
        value = getattr(noun, field.name)
        if is_dataclass(value):
            changed[field.name] = _placed(value, here)
        elif field.name.endswith(("_file", "_folder")) and isinstance(value, str) and value:
            changed[field.name] = str(here / value)
    return replace(noun, **changed) if changed else noun
