"""A message that is of another device than its topic is refused, with the device of the topic."""

import json

import pytest

from gateway import registry
from gateway.core.messages import Message, Reject

EUI, OTHER = "0101010101010101", "0202020202020202"
CHIRPSTACK = {"deviceInfo": {"devEui": OTHER}, "fCnt": 1, "object": {}}
THETHINGS = {"end_device_ids": {"device_id": "other"}, "uplink_message": {"f_port": 1}}
PLUG = {"friendly_name": "plug", "ieee_address": f"0x{EUI}", "type": "Router"}
ZIGBEE = {"power": 1, "device": {"ieeeAddr": f"0x{OTHER}"}}


def told(kind: str, *said: tuple[str, object]) -> list[object]:
    """What a bridge makes of the last of some messages."""
    room = registry.find("bridges", kind)
    bridge = room(kind, room.Settings())
    events: list[object] = []
    for topic, tree in said:
        payload = json.dumps(tree).encode()
        message = Message(
            *("b", topic, payload, 1),
            retain=False,
            dup=False,
            received_at_ms=0,
            received_mono_ms=0,
        )
        events = list(bridge.decode(message))
    return events


@pytest.mark.parametrize(
    ("kind", "device", "said"),
    [
        ("chirpstack", EUI, [(f"application/a/device/{EUI}/event/up", CHIRPSTACK)]),
        ("thethings", "meter", [("v3/app@tenant/devices/meter/up", THETHINGS)]),
        (
            "zigbee2mqtt",
            "plug",
            [("zigbee2mqtt/bridge/devices", [PLUG]), ("zigbee2mqtt/plug", ZIGBEE)],
        ),
    ],
)
def test_a_claim_to_be_another_device_is_refused(
    kind: str, device: str, said: list[tuple[str, object]]
) -> None:
    (one,) = told(kind, *said)
    assert isinstance(one, Reject)
    assert (one.reason, one.device) == ("identity", device)
