"""The messages of the bench: sixteen metering plugs behind Zigbee2MQTT, numbered by their energy.

Every mapped value differs from the one before: Zigbee2MQTT repeats what it remembers, so the
gateway takes an unchanged value for no evidence.
"""

import json
from typing import NamedTuple

DEVICES = 16
METRICS = ("current", "energy", "linkquality", "power", "temperature", "vibration", "voltage")
UNITS = ("A", "Wh", "lqi", "W", "degC", "mm/s", "V")
PAYLOAD_BYTES = 281
FIRST_ENERGY = 1_000_000
"""Energy of message 0; message n has n more."""
REGISTRY_TOPIC = "zigbee2mqtt/bridge/devices"
LIMIT_W = 500
"""Above it the plug is overloaded: the rule's threshold, and the model's."""
EPOCH_MS = 1_790_000_000_000


class Overload(NamedTuple):
    """Each device is overloaded for ``turns`` of ``every`` messages, then off for ``rest``."""

    every: int
    turns: int
    rest: int

    def high(self, turn: int) -> bool:
        return turn % self.every < self.turns and turn >= self.every

    def off(self, turn: int) -> bool:
        return self.turns <= turn % self.every < self.turns + self.rest


NOW_AND_THEN = Overload(500, 40, 200)
"""Long enough to be seen by windows that take one message in ten."""
OFTEN = Overload(8, 1, 1)
"""One message in eight is answered by a command, six a second: for latencies."""
SELDOM = Overload(60, 1, 10)
"""About one command a second at 50 messages a second."""
OVERLOADS = {"now": NOW_AND_THEN, "often": OFTEN, "seldom": SELDOM}


def device(number: int) -> str:
    return f"plug{number % DEVICES:02}"


def topic(number: int) -> str:
    return f"zigbee2mqtt/{device(number)}"


def turn_of(number: int) -> int:
    """How many messages its device has sent; each device is one ahead of the one before it."""
    return number // DEVICES + number % DEVICES


def payload(number: int, overload: Overload) -> bytes:
    """Message ``number``, as ``device(number)`` sends it."""
    turn = turn_of(number)
    high, off = overload.high(turn), overload.off(turn)
    document = {
        "current": 0.301 + turn % 89 / 1000 + 3 * high,
        "delay": 0,
        "energy": FIRST_ENERGY + number,
        "last_seen": EPOCH_MS + number,
        "linkquality": 101 + turn % 97,
        "power": 101.5 + turn % 83 / 10 + 800 * high,
        "power_outage_memory": "restore",
        "state": "OFF" if off else "ON",
        "temperature": 21.5 + turn % 71 / 10,
        "update": {"installed_version": 33816645, "latest_version": 33816645, "state": "idle"},
        "vibration": 0.1001 + turn % 97 * 1e-4,
        "voltage": 221 + turn % 19,
    }
    digits = {"current": 3, "power": 1, "temperature": 1, "vibration": 4}
    rounded = {
        key: round(value, digits[key]) if key in digits else value
        for key, value in document.items()
    }
    text = json.dumps(rounded, separators=(",", ":"))
    return text.ljust(PAYLOAD_BYTES).encode()


def registry() -> bytes:
    """What Zigbee2MQTT keeps retained of its devices: without it nothing is ordered."""
    switch = {
        "type": "binary",
        "property": "state",
        "access": 7,
        "value_on": "ON",
        "value_off": "OFF",
    }
    definition = {"model": "bench", "exposes": [{"type": "switch", "features": [switch]}]}
    devices = [
        {
            "ieee_address": f"0x{number:016x}",
            "friendly_name": device(number),
            "type": "Router",
            "supported": True,
            "interview_completed": True,
            "power_source": "Mains (single phase)",
            "definition": definition,
        }
        for number in range(DEVICES)
    ]
    return json.dumps(devices).encode()
