"""What ``model new`` asks of a model that takes features of a signal: ``--features vibration``."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

_FREQUENCY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(k?Hz)?")


def hertz(text: str) -> float:
    """``12000``, ``12000 Hz`` or ``12 kHz``.

    Raises:
        BadParameter: it is none of them.
    """
    found = _FREQUENCY.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a frequency like 12000 or 12 kHz")
    return float(found[1]) * (1000 if found[2] == "kHz" else 1)


def band(text: str) -> list[float]:
    """``500:1500``, in Hz.

    Raises:
        BadParameter: it is none.
    """
    low, colon, high = text.partition(":")
    if not colon:
        raise click.BadParameter(f"{text!r} is not FROM:TO in Hz")
    return [hertz(low), hertz(high)]


def settings(said: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the preset, from the flags; what must be known and was not given is asked."""
    found: dict[str, Any] = {"rate_hz": hertz(said["rate"] or click.prompt("Samples a second"))}
    if said["bands"]:
        found["bands_hz"] = [band(text) for text in said["bands"]]
    if said["orders"]:
        found["orders"] = list(said["orders"])
        if said["rpm"] is None and said["speed"] is None:
            given = click.prompt("Speed of the shaft: its channel, or a number of turns a minute")
            key, value = ("rpm", float(given)) if given[:1].isdigit() else ("speed", given)
            found[key] = value
    for key in ("rpm", "speed"):
        if said[key] is not None:
            found[key] = said[key]
    if said["envelope"]:
        found["envelope_hz"] = band(said["envelope"])
    return found


def channels(given: Sequence[dict[str, Any]], vibration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The channels, each but the speed with its signal."""
    signal = {"rate_hz": vibration["rate_hz"]}
    speed = vibration.get("speed")
    return [one if one["name"] == speed else {**one, "signal": signal} for one in given]
