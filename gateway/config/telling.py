"""The file's sections about who is told: Home Assistant, and people by e-mail, ntfy or webhook."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.config.scalars import Duration, Name, OneOrMore
from gateway.config.schema import Section
from gateway.core.alerts import Kind, Route
from gateway.core.discovery_place import HomeAssistant

_PREFIX = r"^[^#+/\s][^#+\s]*$"


class HomeAssistantSection(Section):
    """Home Assistant finds every asset, and the gateway, by MQTT discovery."""

    enabled: bool = True
    """false takes back everything that was announced there."""
    prefix: Annotated[str, Field(pattern=_PREFIX, max_length=128)] = "homeassistant"
    """The discovery prefix of Home Assistant's MQTT integration."""
    hold: Annotated[Duration, Field(ge=60_000, le=86_400_000)] = 28_800_000
    """How long its switches (hold, maintenance) and its mode hold until they end by themselves."""


class AlertSection(Section):
    """Who is told, and of what. Needs the extra ``[alerts]``."""

    to_file: str
    """A file with one Apprise address per line (``mailtos://``, ``ntfys://``, ``jsons://`` and
    many more); addresses hold passwords, so they are never in this file."""
    when: Annotated[tuple[Kind, ...], OneOrMore(), Field(min_length=1)] = (
        Kind.RAISED,
        Kind.CLEARED,
        Kind.FAIL_SAFE,
        Kind.FAILED,
        Kind.SECURITY,
    )
    """raised, cleared: a policy's alert; fail_safe; failed: a command was not proved to be done;
    offline: an asset or a source is silent, or is back; security."""
    assets: Annotated[tuple[Name, ...], OneOrMore()] = ()
    """Only these; what belongs to no asset is always told."""
    group: Annotated[Duration, Field(le=3_600_000)] = 10_000
    """What happens within this time after the first is one message."""
    every: Annotated[Duration, Field(ge=1_000, le=86_400_000)] = 60_000
    """Shortest time between two messages."""


def home_assistant(section: HomeAssistantSection | None) -> HomeAssistant | None:
    """The settings of the discovery; None where it is off."""
    if section is None or not section.enabled:
        return None
    return HomeAssistant(section.prefix, section.hold)


def routes(entries: Iterable[AlertSection], here: Path) -> tuple[Route, ...]:
    """The routes, named by their place in the file; paths are relative to it."""
    return tuple(
        Route(
            name=f"alerts/{at}",
            to_file=str(here / entry.to_file),
            when=frozenset(entry.when),
            assets=frozenset(entry.assets),
            group_ms=entry.group,
            every_ms=entry.every,
        )
        for at, entry in enumerate(entries)
    )
