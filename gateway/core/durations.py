"""Durations as users write them: ``500ms``, ``30s``, ``15m``, ``3h``, ``90d``, ``2y``."""

import re

UNITS_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
"""Milliseconds per unit; a year is 365 days."""
LONGEST_MS = 100 * UNITS_MS["y"]
_FORM = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(ms|s|m|h|d|w|y)", re.ASCII)


def parse(text: str) -> int:
    """Milliseconds of a duration, greater than zero.

    Raises:
        ValueError: it has no such form, or is zero or longer than 100 years.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        message = f"not a duration: {text!r}; write it like 500ms, 30s, 15m, 3h, 90d or 2y"
        raise ValueError(message)
    value_ms = round(float(found[1]) * UNITS_MS[found[2]])
    if not 0 < value_ms <= LONGEST_MS:
        message = f"a duration lies between 1ms and 100y, not {text!r}"
        raise ValueError(message)
    return value_ms


def render(value_ms: int) -> str:
    """Say a duration in the largest unit that leaves no rest; ``parse`` reads it back."""
    for unit in ("y", "w", "d", "h", "m", "s"):
        if value_ms and value_ms % UNITS_MS[unit] == 0:
            return f"{value_ms // UNITS_MS[unit]}{unit}"
    return f"{value_ms}ms"
