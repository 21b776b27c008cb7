"""Sources: each bridge's own ``Settings`` dataclass becomes part of the file's model.

A bridge, ours or plugged in, gets type checks, did-you-mean, reference and JSON Schema for nothing.
"""

from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import Field, create_model

from gateway import registry
from gateway.config import nouns
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


@cache
def section(kind: str) -> type[SourceSection]:
    """The model of a source of this kind.

    Raises:
        ConfigError: there is no such bridge.
    """
    noun = settings_of(kind)
    own: dict[str, Any] = {"bridge": (Literal[kind], Field()), **nouns.fields_of(noun)}
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
    return nouns.made(noun, source)
