"""What ``edge-gateway model new`` asks: a slip of the pen is asked again, not punished."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from gateway.core import durations

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Of a model, as the manifest's schema has it."""
Answer = TypeVar("Answer")


def channel(text: str) -> dict[str, Any]:
    """``flow:l/min`` or ``flow:l/min:0:500``.

    Raises:
        click.BadParameter: it is neither.
    """
    name, unit, *span = [*text.split(":"), ""][: max(2, text.count(":") + 1)]
    try:
        low_high = [float(end) for end in span]
    except ValueError as error:
        raise _not_a_channel(text) from error
    if not name or len(span) not in (0, 2):
        raise _not_a_channel(text)
    return {"name": name, "unit": unit} | ({"range": low_high} if span else {})


def _not_a_channel(text: str) -> click.BadParameter:
    return click.BadParameter(f"{text!r} is not NAME:UNIT or NAME:UNIT:LOW:HIGH")


def level(text: str) -> dict[str, Any]:
    """``alarm:0.8`` or ``alarm:0.8:0.6``.

    Raises:
        click.BadParameter: it is neither.
    """
    label, *bounds = text.split(":")
    try:
        on, off = map(float, bounds if len(bounds) > 1 else bounds * 2)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not LABEL:ON or LABEL:ON:OFF") from error
    return {"label": label, "on": on, "off": off}


def period(text: str) -> str:
    """A duration, as it was written.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--period") from error
    return text


def name(text: str) -> str:
    """The name of a model.

    Raises:
        click.BadParameter: it cannot be one.
    """
    if not NAME.fullmatch(text):
        raise click.BadParameter(f"{text!r}: small letters, digits, dot, dash, underscore")
    return text


def asked(question: str, taken: Callable[[str], Answer], default: str | None = None) -> Answer:
    """Ask until the answer can be taken."""
    found: Answer = click.prompt(question, default=default, value_proc=taken)
    return found


def channels(count: int | None) -> list[dict[str, Any]]:
    """Ask for each channel; how many, where that is not known."""
    count = count or click.prompt("How many channels", type=click.IntRange(1))
    words = "Channel {} of {} (NAME:UNIT[:LOW:HIGH])"
    return [asked(words.format(at + 1, count), channel) for at in range(count)]
