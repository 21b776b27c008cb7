"""Moments as people give them to a command: so long ago, or a time."""

import re
from typing import Final

import click

from gateway.core.times import parse

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def moment(text: str, now_ms: int, option: str) -> int:
    """UTC epoch milliseconds of ``2h`` (before now) or of an RFC 3339 time.

    Raises:
        BadParameter: it is neither.
    """
    span = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if span is not None:
        return now_ms - int(span[1]) * _UNITS_MS[span[2]]
    at_ms = parse(text, "iso8601")
    if at_ms is None:
        raise click.BadParameter(
            f"{text!r} is neither a span like 15m, 2h, 7d nor a time like 2026-11-21T12:00:00Z",
            param_hint=option,
        )
    return at_ms
