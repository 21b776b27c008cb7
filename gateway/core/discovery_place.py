"""Where Home Assistant is told of our devices, and the shape that all of them share.

Wire format: the device discovery of Home Assistant 2024.12 and later,
``<prefix>/device/<object id>/config``, with full names (no abbreviations), as its schemas
(homeassistant/components/mqtt) read it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gateway.core.topic_tree import Document

Component = dict[str, object]


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """What the file says of it."""

    prefix: str = "homeassistant"
    hold_ms: int = 28_800_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is published, and by whom."""

    home: HomeAssistant
    base: str
    """``edge/<gateway id>``."""
    gateway: str
    """The gateway's id."""
    name: str
    version: str

    @property
    def uid(self) -> str:
        """The gateway as a device."""
        return f"edge_{self.gateway}"

    def uid_of(self, asset: str) -> str:
        """An asset as a device; Home Assistant takes letters, digits, _ and -."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", asset)
        mark = "" if plain == asset else f"_{sha256(asset.encode()).hexdigest()[:6]}"
        return f"{self.uid}_asset_{plain}{mark}"

    def topic(self, uid: str) -> str:
        """Where a device is announced."""
        return f"{self.home.prefix}/device/{uid}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it is there."""
        return f"{self.home.prefix}/status"


def device(
    place: Place,
    uid: str,
    about: Document,
    availability: Sequence[str],
    components: Mapping[str, Component],
) -> Document:
    """One device with its components; the shared shape of all."""
    return {
        "device": {"identifiers": [uid], "manufacturer": "edge-gateway"} | about,
        "origin": {"name": "edge-gateway", "sw_version": place.version},
        "availability": [{"topic": topic} for topic in availability],
        "availability_mode": "all",
        "qos": 1,
        "components": {
            key: {**one, "unique_id": f"{uid}_{key}"} for key, one in components.items()
        },
    }
