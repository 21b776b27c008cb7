"""Downlinks: what every bridge checks before it puts an order into bytes."""

import re
from base64 import b64decode
from collections.abc import Mapping
from math import isfinite
from typing import Final

from gateway.core.compact import compact
from gateway.core.ports import Order
from gateway.errors import EncodeError

SURE_BYTES: Final = 51
"""What a LoRaWAN downlink may hold at the slowest data rate of EU868 (RP002-1.0.4, 2.4.6)."""
MOST_BYTES: Final = 242
"""What it may hold at the fastest, of any region."""

UNKNOWN_S: Final = 7_200.0
"""How long a device is waited for whose interval is not known yet."""
SHORTEST_S: Final = 30.0
LONGEST_S: Final = 2 * 86_400.0
"""A device that speaks once a day, twice."""

_RELATIVE = frozenset({"toggle", "blink"})
_WILD = re.compile(r"[+#]")
_UNSAYABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TEXT = 4_096
_DEPTH = 8
_LARGEST = 2**63
"""Beyond it a whole number is not the same number for every reader of JSON."""


def check(order: Order) -> None:
    """Refuse what no bridge may say.

    Raises:
        EncodeError: ``empty``; ``topic`` for a name that is no topic; ``toggle``, since a toggle
            that is delivered twice undoes itself; ``value`` for what is no number, text, true or
            false, or a list or an object of these.
    """
    if not order.set:
        raise EncodeError("empty", "nothing is set")
    name = order.device
    if not name or _WILD.search(name) or _UNSAYABLE.search(name) or "" in name.split("/"):
        raise EncodeError("topic", f"{name!r} cannot be part of a topic")
    for key, value in {**(order.options or {}), **order.set}.items():
        if isinstance(value, str) and value.strip().lower() in _RELATIVE:
            raise EncodeError("toggle", f"{key}: say the state it shall have")
        if not key or _UNSAYABLE.search(key) or not _plain(value, _DEPTH):
            raise EncodeError("value", f"{key[:64]!r}: {str(value)[:64]!r} cannot be said")


def _plain(value: object, depth: int) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return isfinite(value) if isinstance(value, float) else abs(value) < _LARGEST
    if isinstance(value, str):
        return len(value) <= _TEXT and not _UNSAYABLE.search(value)
    if isinstance(value, Mapping):
        return depth > 0 and all(
            isinstance(key, str) and _plain(key, 0) and _plain(one, depth - 1)
            for key, one in value.items()
        )
    return (
        isinstance(value, list | tuple) and depth > 0 and all(_plain(o, depth - 1) for o in value)
    )


def body(tree: object) -> bytes:
    """Write JSON.

    Raises:
        EncodeError: ``value``: it cannot be said in JSON.
    """
    try:
        return compact(tree).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError("value", str(error)) from None


def port(order: Order, most: int) -> int:
    """The LoRaWAN port of an order.

    Raises:
        EncodeError: ``port``: it is missing, zero or too large.
    """
    value = option(order, "port")
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise EncodeError("port", f"a LoRaWAN downlink needs a port from 1 to {most}")
    return value


def option(order: Order, name: str) -> object:
    """A bridge-specific option of an order; None when it has none of that name."""
    return (order.options or {}).get(name)


def raw(values: Mapping[str, object], most_bytes: int) -> str | None:
    """The base64 text of an order that sets only ``data``; None when it sets anything else.

    Raises:
        EncodeError: ``value``: it is not base64; ``size``: a downlink cannot hold it.
    """
    if set(values) != {"data"}:
        return None
    data = values["data"]
    try:
        found = b64decode(data if isinstance(data, str) else "?", validate=True)
    except ValueError:
        raise EncodeError("value", "data: expected base64") from None
    if not 0 < len(found) <= most_bytes:
        detail = f"data: {len(found)} bytes; a downlink of this source holds 1 to {most_bytes}"
        raise EncodeError("size", f"{detail} (downlink_bytes)")
    return str(data)


def hears(order: Order, interval_ms: float | None) -> None:
    """Refuse an order to a device of class A that will be void before the device listens.

    Such a device listens after its own uplinks only. Where more than half of the orders would be
    late, all are refused: one that comes when nobody waits for it any more is worse than none.

    Raises:
        EncodeError: ``class``.
    """
    if order.deadline_ms and interval_ms is not None and 2 * order.deadline_ms < interval_ms:
        waits = round(order.deadline_ms / 1000)
        detail = (
            f"class A listens after its own uplinks only, and the action waits {waits}s: too short"
        )
        raise EncodeError("class", detail)


def patience_s(interval_ms: float | None) -> float:
    """How long a device that listens after its own uplinks may take: two of its intervals.

    Args:
        interval_ms: between its uplinks, as observed; None while that is not known.
    """
    if interval_ms is None:
        return UNKNOWN_S
    return min(LONGEST_S, max(SHORTEST_S, 2 * interval_ms / 1000))


def fits(most_bytes: int) -> None:
    """Hold a source's ``downlink_bytes`` against what LoRaWAN knows.

    Raises:
        ValueError: no network sends as much.
    """
    if not 1 <= most_bytes <= MOST_BYTES:
        raise ValueError(f"downlink_bytes: LoRaWAN sends 1 to {MOST_BYTES} bytes")
