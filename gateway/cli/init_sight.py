"""What the bridges themselves make of what was heard: devices, their values, what they accept."""

from dataclasses import dataclass, field
from typing import Final

from gateway.cli.init_listen import Heard
from gateway.cli.init_sources import Source
from gateway.core.messages import Device, Message, Presence, Reject, Roster, Tree, Uplink
from gateway.core.topics import matches

DEVICES: Final = 2_000
"""Devices of one source that are looked at."""


@dataclass(slots=True)
class Seen:
    """One device of a source."""

    device: str
    entry: Device | None = None
    """What the bridge's registry says about it."""
    values: dict[str, Tree] = field(default_factory=dict)
    """The newest value of each top-level key."""
    aside: frozenset[str] = frozenset()
    link: dict[str, float] = field(default_factory=dict)
    online: bool | None = None
    uplinks: int = 0
    """Not counting what was retained."""
    last_at_ms: int | None = None
    first_mono_ms: int = 0
    last_mono_ms: int = 0

    @property
    def name(self) -> str:
        """What people call it, where its messages say that."""
        info = self.values.get("deviceInfo")
        said = info.get("deviceName") if isinstance(info, dict) else None
        return said if isinstance(said, str) and said else self.device

    @property
    def every_ms(self) -> float | None:
        """How often it speaks; None when it was heard less than twice."""
        gaps = self.uplinks - 1
        return (self.last_mono_ms - self.first_mono_ms) / gaps if gaps > 0 else None

    def note(self, uplink: Uplink, message: Message) -> None:
        """Add what an uplink says."""
        if isinstance(uplink.values, dict):
            self.values |= uplink.values
        self.aside |= uplink.aside
        self.link |= uplink.link
        if not message.retain:
            self.first_mono_ms = self.first_mono_ms if self.uplinks else message.received_mono_ms
            self.last_mono_ms = message.received_mono_ms
            self.last_at_ms = message.received_at_ms
            self.uplinks += 1


@dataclass(slots=True)
class Sight:
    """What one source showed."""

    source: Source
    devices: dict[str, Seen] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What the bridge's own settings make impossible."""
    messages: int = 0
    rejects: dict[str, int] = field(default_factory=dict)

    def seen(self, device: str) -> Seen | None:
        """The device of that name; None when there are too many."""
        if device in self.devices or len(self.devices) < DEVICES:
            return self.devices.setdefault(device, Seen(device))
        return None


def look(source: Source, heard: Heard) -> Sight:
    """Decode with the source's own bridge whatever it subscribes to."""
    bridge, sight = source.bridge, Sight(source)
    filters = source.filters
    sight.messages = sum(n for topic, n in heard.counts.items() if _takes(filters, topic))
    for message in heard.in_order():
        if _takes(filters, message.topic):
            for event in bridge.decode(message):
                _note(sight, event, message)
    for name, seen in sight.devices.items():
        seen.entry = bridge.device(name)
    return sight


def _takes(filters: list[str], topic: str) -> bool:
    return any(matches(one, topic) for one in filters)


def _note(sight: Sight, event: object, message: Message) -> None:
    match event:
        case Uplink():
            seen = sight.seen(event.device)
            if seen is not None:
                seen.note(event, message)
        case Roster():
            sight.warnings = event.warnings or sight.warnings
            for device in event.devices:
                sight.seen(device.device)
        case Presence() if event.device:
            seen = sight.seen(event.device)
            if seen is not None:
                seen.online = event.online
        case Reject():
            sight.rejects[event.reason] = sight.rejects.get(event.reason, 0) + 1
