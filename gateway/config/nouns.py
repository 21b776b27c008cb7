"""Nouns: a plug-in's own ``Settings`` dataclass as a section of the file, and back.

A bridge or a sink, ours or plugged in, gets type checks, did-you-mean, reference and schema for
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model

from gateway.config.problems import choices, near
from gateway.config.scalars import OneOrMore
from gateway.config.schema import Section


class KindError(ValueError):
    """Which plug-in a section is for cannot be told."""

    def __init__(self, key: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


class SlippedKeyError(KindError):
    """The key that names the plug-in is nearly there."""


class _Noun(Section):
    """A section that stands for a dataclass of the bridge."""

    noun: ClassVar[type | None] = None


def kind_of(value: object, key: str, kinds: Sequence[str]) -> str:
    """The kind that a section names under ``key``.

    Raises:
        ValueError: none of ``kinds``; it is reported at the key.
    """
    if not isinstance(value, dict):
        raise ValueError("should be a mapping")  # noqa: TRY004 - pydantic reports ValueErrors
    kind = value.get(key)
    if kind in kinds:
        return str(kind)
    slip = next((one for one in value if near(str(one), [key])), None)
    if kind is None and slip is not None and str(value[slip]) in kinds:
        raise SlippedKeyError(slip, f"unknown key {slip!r}", near(slip, [key]))
    if kind is None:
        raise KindError(key, f"{key!r} is missing", f"there are {choices(kinds)}")
    hint = near(str(kind), kinds) or f"there are {choices(kinds)}"
    raise KindError(key, f"unknown {key} {str(kind)[:80]!r}", hint)


def made(noun: type, section: BaseModel) -> Any:
    """The dataclass from what the user wrote.

    Raises:
        ValueError: the plug-in refuses the combination.
    """
    given = {field.name: getattr(section, _attribute(field.name)) for field in fields(noun)}
    return noun(**{name: _noun(value) for name, value in given.items()})


def fields_of(noun: type) -> dict[str, Any]:
    """A dataclass's fields, as pydantic makes a model of them."""
    hints = get_type_hints(noun, include_extras=True)
    return {
        _attribute(field.name): (_type(hints[field.name]), _default(field))
        for field in fields(noun)
    }


def _attribute(name: str) -> str:
    """Some names are taken by pydantic: the user's key is the same."""
    return f"{name}_" if hasattr(BaseModel, name) else name


def _default(field: Any) -> Any:
    alias = field.name if _attribute(field.name) != field.name else None
    if field.default is not MISSING:
        return Field(field.default, alias=alias) if alias else field.default
    if field.default_factory is not MISSING:
        return Field(default_factory=field.default_factory, alias=alias)
    return Field(alias=alias)


@cache
def _noun_section(noun: type) -> type[_Noun]:
    model: type[_Noun] = create_model(
        noun.__name__, __base__=_Noun, __doc__=noun.__doc__, **fields_of(noun)
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
        make = type(value).noun
        return made(make, value) if make is not None else value
    if isinstance(value, tuple):
        return tuple(_noun(item) for item in value)
    if isinstance(value, dict):
        return {key: _noun(item) for key, item in value.items()}
    return value
