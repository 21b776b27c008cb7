"""Wills: commands that a broker may publish for a gateway that died.

A broker publishes the will of a connection that was lost, and asks nobody. So the will of a safe
command is the encoded command itself, on the bridge's own command topic: every bridge reads it. It
is written when the connection is made and may be read days later, so it must not depend on time.
"""

from typing import Final

from gateway.core.assets import Action, Asset
from gateway.core.ports import Bridge, Order, Outgoing
from gateway.core.verdicts import Mode
from gateway.errors import EncodeError

_IDS: Final = ("00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000001")
_TIMES_MS: Final = (1_700_000_000_000, 1_800_000_000_000)


def declared(asset: Asset) -> bool:
    """The file says what is done when the gateway is dead."""
    safe = asset.fail_safe
    return safe is not None and safe.death_ms is not None and safe.mode is Mode.ACT


def will(bridge: Bridge, action: Action, value: float | None) -> Outgoing | None:
    """A safe command as a will; None where a will cannot be one.

    A bridge whose command holds an id or a time (LoRaWAN network servers) or is more than one
    message cannot be told by a will.
    """
    said = []
    for command_id, expires_at_ms in zip(_IDS, _TIMES_MS, strict=True):
        order = Order(
            *(command_id, action.device, action.said(value), expires_at_ms), options=action.options
        )
        try:
            said.append(list(bridge.encode(order)))
        except EncodeError:
            return None
    same = said[0] == said[1] and len(said[0]) == 1
    return said[0][0] if same else None
