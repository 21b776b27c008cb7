"""The file's sections about security and privacy, and the limits of a source."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.config.scalars import Duration, Size
from gateway.config.schema import Section
from gateway.config.settings import Privacy, Security
from gateway.core.source_limits import SourceLimits

_Rate = Annotated[float, Field(ge=0, le=1_000_000)]
_Burst = Annotated[int, Field(ge=1, le=10_000_000)]


class SourceLimitsSection(Section):
    """What one source may send; what is over is refused, counted and acknowledged."""

    max_payload: Annotated[Size, Field(ge=64)] | None = None
    """Longest payload; default 1MiB."""
    max_topic: Annotated[int, Field(ge=16, le=65_535)] | None = None
    """Longest topic in characters; default 512."""
    max_devices: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Most devices that no asset maps; those of the file always pass. Default 1000."""
    messages_per_second: _Rate | None = None
    """Of the whole source; 0 is no limit; default 20000. What the broker kept while the gateway
    was away does not count."""
    burst: _Burst | None = None
    """So many at once before the rate holds; default 100000."""
    device_per_second: _Rate | None = None
    """Of one device, which is quarantined beyond it; 0 is no limit; default 2000."""
    device_burst: _Burst | None = None
    """So many of one device at once; default 50000."""


class SecuritySection(Section):
    """What is done about suspicious messages."""

    quarantine: Annotated[Duration, Field(ge=1_000, le=2_592_000_000)] = 3_600_000
    """How long a device that floods, or claims to be another, does not count."""
    traffic: Literal["auto", "always", "never"] = "auto"
    """Score the message traffic of each source with the model that is shipped; it can only raise
    an alert. ``auto``: where the file has models, whose process runs anyway."""


class PrivacySection(Section):
    """Under which names things leave the site."""

    pseudonyms: bool = False
    """What leaves the site names devices and assets by keyed pseudonyms."""
    key_file: str | None = None
    """A file with the key, at least 16 bytes; default: our own, made beside the database."""


def limits_of(section: SourceLimitsSection) -> SourceLimits:
    """What the user gave; the noun knows its own defaults."""
    return SourceLimits(**{name: value for name, value in section if value is not None})


def security_of(section: SecuritySection) -> Security:
    """As the file says."""
    return Security(section.quarantine, section.traffic)


def privacy_of(section: PrivacySection, here: Path) -> Privacy:
    """As the file says; the key's file is relative to it."""
    return Privacy(section.pseudonyms, here / section.key_file if section.key_file else None)
