"""Downlinks: what every bridge checks before it puts an order into bytes."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping

from gateway.core.ports import Order
from gateway.errors import EncodeError

_RELATIVE = frozenset({"toggle"})


def check(order: Order) -> None:
    """Refuse what no bridge may say.

    Raises:
        EncodeError: ``empty``; ``topic`` for a name that is no topic; ``toggle``, since a toggle
            that is delivered twice undoes itself.
    """
    if not order.set:
        raise EncodeError("empty", "nothing is set")
    if not order.device or re.search(r"[+#\0]", order.device):
        raise EncodeError("topic", f"{order.device!r} cannot be part of a topic")
    for key, value in order.set.items():
        if isinstance(value, str) and value.strip().lower() in _RELATIVE:
            raise EncodeError("toggle", f"{key}: say the state it shall have")


def body(tree: object) -> bytes:
    """Write JSON.

    Raises:
        EncodeError: ``value``: it cannot be said in JSON.
    """
    try:
        text = json.dumps(tree, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
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


def raw(values: Mapping[str, object]) -> str | None:
    """The base64 text of an order that sets only ``data``; None when it sets anything else.

    Raises:
        EncodeError: ``value``: it is not base64.
    """
    if set(values) != {"data"}:
        return None
    data = values["data"]
    try:
        b64decode(data if isinstance(data, str) else "?", validate=True)
    except ValueError:
        raise EncodeError("value", "data: expected base64") from None
    return str(data)
