"""Zigbee2Tasmota: one message may bring several devices, each a key of ``ZbReceived``.

Source: tasmota/docs docs/Zigbee.md. A device goes by its name where it has one, since the short
address changes when it joins again. Attributes that Tasmota did not decode come as
``cluster_attribute``; the common ones are added under the name Tasmota gives them.
"""

import re
from collections.abc import Iterator

from gateway.core.messages import Tree, Uplink

_ATTRIBUTES: dict[tuple[int, int], tuple[str, float]] = {
    (0x0001, 0x0020): ("BatteryVoltage", 0.1),
    (0x0001, 0x0021): ("BatteryPercentage", 0.5),
    (0x0006, 0x0000): ("Power", 1.0),
    (0x0402, 0x0000): ("Temperature", 0.01),
    (0x0403, 0x0000): ("Pressure", 1.0),
    (0x0405, 0x0000): ("Humidity", 0.01),
    (0x0406, 0x0000): ("Occupancy", 1.0),
}
"""Zigbee Cluster Library, revision 8: (cluster, attribute) -> name and scale; pressure in hPa."""
_NO_VALUE = frozenset({-0x8000, 0x8000, 0xFFFF})
_RAW = re.compile(r"([0-9A-Fa-f]{4})[_/]([0-9A-Fa-f]{4})")


def uplinks(received: dict[str, Tree]) -> Iterator[Uplink]:
    """Give one uplink per device."""
    for address, said in received.items():
        if isinstance(said, dict):
            name = said.get("Name")
            device = name if isinstance(name, str) and name else address
            values = {**dict(_decoded(said)), **said}
            yield Uplink(device, values, link=_link(values))


def _decoded(said: dict[str, Tree]) -> Iterator[tuple[str, Tree]]:
    for key, value in said.items():
        raw = _RAW.fullmatch(key)
        known = raw and _ATTRIBUTES.get((int(raw[1], 16), int(raw[2], 16)))
        if known and type(value) is int and value not in _NO_VALUE:
            name, scale = known
            yield name, value if scale == 1 else round(value * scale, 4)


def _link(values: dict[str, Tree]) -> dict[str, float]:
    link: dict[str, float] = {}
    for metric, keys in (("lqi", ("LinkQuality",)), ("battery", ("Battery", "BatteryPercentage"))):
        for key in keys:
            value = values.get(key)
            if type(value) is int or type(value) is float:
                link[metric] = value
    return link
