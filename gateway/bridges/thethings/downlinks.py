"""Our own downlinks: how they are written, and how what is said about them is found again.

Source: lorawan-stack-docs, as in ``bridge``. The stack gives back the correlation ids of a downlink
with everything that becomes of it.
"""

from collections.abc import Mapping

from gateway.bridges.thethings.uplinks import ids
from gateway.core import downlinks
from gateway.core.messages import Tree
from gateway.core.ports import Order

LAST_PORT = 223
"""LoRaWAN 1.0.4, 4.3.2: application ports end here."""
MARK = "edge-gateway:"
"""Starts the correlation id of our own downlinks."""

_SYSTEM = ("as:", "gs:", "ns:", "js:", "rpc:", "pkg:", "dcs:", "qrg:")
"""Start the correlation ids that the servers make."""
_LISTENING = {"B": 300.0, "C": downlinks.SHORTEST_S}
"""How long a device that listens by itself may take, in seconds."""


def command_id(tree: Mapping[str, Tree], part: Mapping[str, Tree]) -> str:
    """Our command's id, else what names the downlink: a stranger's never pairs with ours.

    Nor does what somebody simulated.
    """
    if tree.get("simulated") is True:
        return "simulated"
    all_ids = [*ids(part), *ids(tree)]
    ours = [one for one in all_ids if one.startswith(MARK)]
    strangers = [one for one in all_ids if not one.startswith(_SYSTEM)]
    found = [*ours, *strangers, *all_ids, "stranger"]
    return found[0].removeprefix(MARK)


def listening(order: Order) -> float | None:
    """How long a device may take that listens by itself, as the action's option ``class`` says."""
    return _LISTENING.get(str(downlinks.option(order, "class")))


def downlink(order: Order, most_bytes: int) -> Mapping[str, object]:
    """Write one entry of ``downlinks``.

    Raises:
        EncodeError: see ``core.downlinks``.
    """
    data = downlinks.raw(order.set, most_bytes)
    payload = {"decoded_payload": dict(order.set)} if data is None else {"frm_payload": data}
    return {
        "f_port": downlinks.port(order, LAST_PORT),
        **payload,
        "priority": "NORMAL",
        "confirmed": order.confirmed,
        "correlation_ids": [f"{MARK}{order.command_id}"],
    }
