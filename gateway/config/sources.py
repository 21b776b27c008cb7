"""Sources: each bridge's own ``Settings`` dataclass becomes part of the file's model.

A bridge, ours or plugged in, gets type checks, did-you-mean, reference and JSON Schema for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import Field, create_model

from gateway import registry
from gateway.config.scalars import OneOrMore
from gateway.config.schema import Section
from gateway.config.security import SourceLimitsSection


class SourceSection(Section):
    """A bridge on a broker."""

    bridge: str
    """Which bridge's messages these are."""
    broker: str = ""
    """A broker of ``brokers``; may be left out where there is only one."""
    keep: Literal["mapped", "all"] = "mapped"
    """``all`` stores what no asset maps, too."""
    limits: SourceLimitsSection = SourceLimitsSection()
    """What it may send: size, number, rate."""

    noun: ClassVar[type | None] = None
    """The bridge's own settings, whose docstrings describe the other keys."""


class _Noun(Section):
    """A section that stands for a dataclass of the bridge."""

    noun: ClassVar[type | None] = None


@cache
def section(kind: str) -> type[SourceSection]:
    """The model of a source of this kind.

    Raises:
        ConfigError: there is no such bridge.
    """
    noun = settings_of(kind)
    own: dict[str, Any] = {"bridge": (Literal[kind], Field()), **_fields(noun)}
    model: type[SourceSection] = create_model(
        f"{kind}_source", __base__=SourceSection, __doc__=noun.__doc__, **own
    )
    model.noun = noun
    return model


@cache
def kinds() -> tuple[str, ...]:
    """The bridges there are; the registry looks at files and installed packages each time."""
    return registry.kinds("bridges")


@cache
def bridge_of(kind: str) -> Any:
    """The bridge's class.

    Raises:
        ConfigError: there is no such bridge.
    """
    return registry.find("bridges", kind)


def settings_of(kind: str) -> type:
    """The bridge's dataclass of settings.

    Raises:
        ConfigError: there is no such bridge.
    """
    noun: type = bridge_of(kind).Settings
    return noun


def settings(kind: str, source: SourceSection) -> Any:
    """The bridge's settings object from what the user wrote.

    Raises:
        ValueError: the bridge refuses the combination.
    """
    noun = settings_of(kind)
    values = {field.name: _noun(getattr(source, field.name)) for field in fields(noun)}
    return noun(**values)


def _fields(noun: type) -> dict[str, Any]:
    hints = get_type_hints(noun, include_extras=True)
    return {field.name: (_type(hints[field.name]), _default(field)) for field in fields(noun)}


def _default(field: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return Field(default_factory=field.default_factory)
    return Field()


@cache
def _noun_section(noun: type) -> type[_Noun]:
    model: type[_Noun] = create_model(
        noun.__name__, __base__=_Noun, __doc__=noun.__doc__, **_fields(noun)
    )
    model.noun = noun
    return model


def _type(hint: Any) -> Any:
    """The same type with each dataclass replaced by a section, so that unknown keys are found."""
    if isinstance(hint, type) and is_dataclass(hint):
        return _noun_section(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Union or origin is UnionType:
        return reduce(or_, (_type(arg) for arg in args))
    if origin is tuple:
        return Annotated[origin[tuple(map(_type, args))], OneOrMore()]
    if origin in (list, dict, Mapping, Sequence):
        return origin[tuple(map(_type, args))]
    return hint


def _noun(value: Any) -> Any:
    """Back from sections to the bridge's dataclasses."""
    if isinstance(value, _Noun):
        make: Any = type(value).noun
        return make(**{name: _noun(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, tuple):
        return tuple(_noun(item) for item in value)
    if isinstance(value, dict):
        return {key: _noun(item) for key, item in value.items()}
    return value
