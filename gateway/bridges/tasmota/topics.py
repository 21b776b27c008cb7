"""Topics: ``FullTopic`` and the three prefixes may be in any order.

Source: tasmota/docs docs/MQTT.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ConfigError, EncodeError

_TOKEN = re.compile(r"%[a-z]+%")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    full_topic: str = "%prefix%/%topic%/"
    """``FullTopic`` of the devices; any other token than these two matches anything."""
    command_prefix: str = "cmnd"
    """``Prefix1``"""
    status_prefix: str = "stat"
    """``Prefix2``"""
    telemetry_prefix: str = "tele"
    """``Prefix3``"""
    zone: str = ""
    """The devices' time zone, e.g. ``Europe/Berlin``; without it their ``Time`` is not used."""


def table(settings: Settings) -> Sequence[tuple[str, str]]:
    """Say what each suffix means; the command prefix comes first."""
    stat, tele = settings.status_prefix, settings.telemetry_prefix
    rows = (
        ("command", settings.command_prefix, "{key+}"),
        ("presence", tele, "LWT"),
        ("telemetry", tele, "SENSOR"),
        ("telemetry", tele, "STATE"),
        ("result", stat, "RESULT"),
        ("result", tele, "RESULT"),
        ("status", stat, "{key}"),
        ("ignored", tele, "{key}"),
    )
    return [(kind, _full(settings, prefix, "{device+}", "+") + end) for kind, prefix, end in rows]


def subscribed(settings: Settings, prefix: str) -> str:
    """Everything below: SetOption89 puts an address between the topic and its suffix."""
    return _full(settings, prefix, "+", "+") + "#"


def command(settings: Settings, device: str, key: str) -> str:
    """Where a command goes."""
    filled = _full(settings, settings.command_prefix, device, "+")
    if "+" in filled:
        raise EncodeError("topic", "full_topic has tokens whose values are not known")
    return filled + key


def _full(settings: Settings, prefix: str, topic: str, other: str) -> str:
    base = settings.full_topic.strip("/") + "/"
    if "%prefix%" not in base or "%topic%" not in base:
        raise ConfigError(f"full_topic {base!r}: it needs %prefix% and %topic%")
    filled = base.replace("%prefix%", prefix).replace("%topic%", topic)
    return _TOKEN.sub(other, filled)
