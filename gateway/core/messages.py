"""What arrives: a message, and what a bridge makes of it.

A bridge turns one ``Message`` into ``Event``s. Five kinds are enough for every bridge we know:

``Uplink``    a device said something: values, and how far they may be trusted
``Presence``  a device, or the bridge itself, is there or gone
``Roster``    the devices a bridge knows, and what each of them accepts
``Result``    evidence about a command: accepted, confirmed, failed
``Reject``    the message could not be read; why
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

Tree = object
"""A decoded document: dict, list, str, int, float, bool or None, as ``core.documents`` made it."""


class Message(NamedTuple):
    """One MQTT PUBLISH as received."""

    broker: str
    """Name of the broker in the user's file."""
    topic: str
    payload: bytes
    qos: int
    retain: bool
    """Set on arrival: a replay of unknown age, not news."""
    dup: bool
    """A hint that it was sent before; never a key."""
    received_at_ms: int
    """Our wall clock at the callback, UTC epoch milliseconds."""
    received_mono_ms: int
    """Our monotonic clock at the callback, milliseconds."""
    receipt: int = 0
    """What the adapter needs to acknowledge it; 0 when there is nothing to acknowledge."""
    properties: bytes = b""
    """MQTT 5 properties as they came, without their length; empty when there are none."""


class Quality(StrEnum):
    """How far a reading may be trusted: decisions use good only, bad is kept but never used."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class Reason(StrEnum):
    """Why a reading has its quality; the first that applies."""

    OK = "ok"
    RETAINED = "retained"
    REDELIVERED = "redelivered"
    CACHED = "cached"
    ECHO = "echo"
    LATE = "late"
    CLOCK = "clock"
    HISTORICAL = "historical"
    UNTRUSTED_RADIO = "untrusted_radio"
    RANGE = "range"
    TYPE = "type"
    UNIT = "unit"
    SIMULATED = "simulated"
    UPDATING = "updating"
    RATE = "rate"
    FLATLINE = "flatline"
    RAIL = "rail"
    CROSS = "cross"
    SIGNAL = "signal"
    QUARANTINED = "quarantined"

    @property
    def quality(self) -> Quality:
        """The quality this reason stands for."""
        return _QUALITY[self]


# A jump and a contradiction are suspicions: which reading is wrong is not known. A sensor that does
# not move, or stands at its end, measures nothing (IOOS QARTOD: "suspect" and "fail").
_BAD = (
    *(Reason.RANGE, Reason.TYPE, Reason.UNIT, Reason.SIMULATED, Reason.UPDATING),
    *(Reason.FLATLINE, Reason.RAIL, Reason.SIGNAL),
    Reason.QUARANTINED,
)
DEAD = frozenset({Reason.FLATLINE, Reason.RAIL})
"""What is wrong with the sensor itself: nothing that it said before is held any longer."""
_QUALITY = {
    reason: Quality.GOOD
    if reason is Reason.OK
    else Quality.BAD
    if reason in _BAD
    else Quality.UNCERTAIN
    for reason in Reason
}


class Origin(StrEnum):
    """Whose clock ``measured_at_ms`` is; ``LAST_SEEN`` is never used as the time axis."""

    SAMPLE = "sample"
    GATEWAY = "gateway"
    SERVER = "server"
    LAST_SEEN = "last_seen"
    NONE = "none"


class Uplink(NamedTuple):
    """What one message says about one device, before the user's mapping is applied."""

    device: str
    """The bridge's own id of the device: friendly name, devEUI, device id, topic level."""
    values: Tree
    """The document that paths are looked up in."""
    measured_at_ms: int | None = None
    """The source's clock, UTC epoch milliseconds; None when it sent none that could be read."""
    origin: Origin = Origin.NONE
    dedup: str | None = None
    """The same for every delivery of the same uplink; None when the bridge has no such key."""
    reason: Reason = Reason.OK
    """Holds for every value of the uplink: simulated, updating, historical, untrusted_radio."""
    cached: bool = False
    """The bridge repeats values it remembers: an unchanged value is not fresh evidence."""
    fresh: frozenset[str] = frozenset()
    """Top-level keys that are never cached, so always fresh when present."""
    seen_advanced: bool = False
    """The bridge's last-seen stamp moved forward since its previous message of this device."""
    link: Mapping[str, float] = MappingProxyType({})
    """Link metrics by name: rssi [dBm], snr [dB], lqi, battery [%], missed_frames [1]."""
    frame: int | None = None
    """The device's own frame counter, where it has one."""
    aside: frozenset[str] = frozenset()
    """Top-level keys about the message or the device: no measurements, so never discovered."""


@dataclass(frozen=True, slots=True)
class Presence:
    """A device (or, with an empty ``device``, the bridge) announced that it is there or gone."""

    device: str
    online: bool | None
    """None: the announcement was cleared, so nothing is known."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing a device accepts or reports, as its bridge's registry says."""

    property: str
    """The key in the state document and in the command."""
    readable: bool
    """It appears in the device's reports."""
    settable: bool
    gettable: bool = False
    """It can be asked for."""
    kind: str = "any"
    """binary, numeric, enum, text, composite, list or any."""
    values: tuple[object, ...] = ()
    """What a binary or an enum accepts."""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    step: float | None = None
    """A numeric accepts the lowest plus whole multiples of it."""
    items: str = "any"
    """Of a list: the kind of its items."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the bridge's registry describes it."""

    device: str
    address: str = ""
    """The stable identity: IEEE address, devEUI."""
    model: str = ""
    enabled: bool = True
    supported: bool = True
    interviewed: bool = True
    battery: bool = False
    """It sleeps: it answers at its own next transmission, not now."""
    downlink_class: str = ""
    """LoRaWAN class A, B or C; empty elsewhere."""
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """The devices a bridge knows. ``complete`` replaces what was known; else it adds to it."""

    devices: tuple[Device, ...]
    complete: bool = True
    warnings: tuple[str, ...] = ()
    """What the bridge's own settings make impossible, with the setting to change."""


class Evidence(StrEnum):
    """What a ``Result`` shows about a command, weakest first."""

    SENT = "sent"
    """The bridge passed it on (ChirpStack txack, The Things Stack down/sent)."""
    ACCEPTED = "accepted"
    """The bridge's state says so; it may be optimistic."""
    CONFIRMED = "confirmed"
    """The device says so."""
    NACK = "nack"
    """The device did not acknowledge; the network tries again by itself."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """Evidence about a command, paired by id where the bridge has one, else by device and key."""

    evidence: Evidence
    command_id: str = ""
    """Our own id, as it came back; empty when the bridge does not return it."""
    device: str = ""
    key: str = ""
    """The property that failed, where only the text of a log line tells."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that could not be read, or may not be."""

    reason: str
    """One short word for the counters: json, utf8, size, depth, keys, topic, shape, protobuf ..."""
    detail: str = ""
    """What to do, or what was seen; may hold text from the message, so quote it in logs."""
    device: str = ""


Event = Uplink | Presence | Roster | Result | Reject
