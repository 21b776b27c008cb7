"""Times as bridges write them, and which of two clocks a reading is filed under."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

from gateway.core.messages import Origin, Reason, Tree, Uplink

Format = Literal["iso8601", "epoch_s", "epoch_ms", "epoch_ns", "auto"]

WINDOW_MS: Final = 90 * 86_400_000
"""A source's clock further back than this is wrong rather than late."""
AHEAD_MS: Final = 5_000
"""A source's clock further ahead than this is wrong."""
LATE_MS: Final = 120_000
"""A reading older than this was stored on its way: kept at its own time, never decided on."""

_LAST_MS = 253_402_300_800_000  # year 10000: datetime ends there
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_PER_MS = {"epoch_s": 1e-3, "epoch_ms": 1.0, "epoch_ns": 1e6}
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_LEAP = re.compile(r"(\d\d:?[0-5]\d:?)60(?=\D|$)", re.ASCII)
_CLOCKED = frozenset({Origin.SAMPLE, Origin.GATEWAY, Origin.SERVER})


def parse(value: Tree, format: str, zone: tzinfo | None = None) -> int | None:  # noqa: A002
    """Read a time as UTC epoch milliseconds; None when it cannot be read.

    Args:
        value: a number, a number in a string, or ISO 8601 text.
        format: one of ``Format``; ``auto`` tells seconds from finer units by size.
        zone: for text without an offset; without it such text cannot be read.
    """
    if format != "iso8601":
        number = _number(value)
        if number is not None:
            return _scaled(number, _PER_MS[format] if format in _PER_MS else _guess(number))
    if isinstance(value, str) and format in {"iso8601", "auto"}:
        return _iso8601(value.strip(), zone)
    return None


def axis(uplink: Uplink, received_at_ms: int, *, clock_ok: bool = True) -> tuple[int, Reason]:
    """Choose the time an uplink is filed under, and say what that means for its values.

    The source's own time counts when it is a sample's, a gateway's or a server's, and close enough
    to ours. While our own clock is not set there is nothing to hold it against.

    Returns:
        Epoch milliseconds, and ``ok``, ``late`` or ``clock``.
    """
    measured = uplink.measured_at_ms
    if measured is None or not clock_ok or uplink.origin not in _CLOCKED:
        return received_at_ms, Reason.OK
    if not received_at_ms - WINDOW_MS <= measured <= received_at_ms + AHEAD_MS:
        return received_at_ms, Reason.CLOCK
    late = received_at_ms - measured > LATE_MS
    return measured, Reason.LATE if late else Reason.OK


def rfc3339(at_ms: int) -> str:
    """Write UTC epoch milliseconds as ``2026-01-02T03:04:05.678Z``."""
    seconds, rest = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _number(value: Tree) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = value.strip()
        return float(value) if "." in value else int(value)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _guess(number: float) -> float:
    """Tell the unit by size: seconds of year 5138 are milliseconds of 1973, and so on."""
    for limit, per_ms in ((1e11, 1e-3), (1e14, 1.0), (1e17, 1e3)):
        if abs(number) < limit:
            return per_ms
    return 1e6


def _scaled(number: float, per_ms: float) -> int | None:
    """Exact for integers: nanoseconds of today need 61 bits, more than a float has."""
    if isinstance(number, int):
        at_ms = number * round(1 / per_ms) if per_ms <= 1 else number // round(per_ms)
    else:
        scaled = number / per_ms
        at_ms = math.floor(scaled + 0.5) if math.isfinite(scaled) else -1
    return at_ms if 0 <= at_ms < _LAST_MS else None


def _iso8601(text: str, zone: tzinfo | None) -> int | None:
    """Read ISO 8601; a leap second counts as the second before it."""
    try:
        moment = datetime.fromisoformat(_LEAP.sub(r"\g<1>59", text) if ":60" in text else text)
        if moment.tzinfo is None:
            if zone is None:
                return None
            moment = moment.replace(tzinfo=zone)
        at_ms = (moment - _EPOCH) // _MS
    except (ValueError, OverflowError):
        return None
    return at_ms if 0 <= at_ms < _LAST_MS else None
