"""Topics, orders and acknowledgements of The Things Stack.

Source: lorawan-stack-docs doc/content/integrations/other-integrations/mqtt and .../data-formats.
It speaks QoS 0 alone and keeps no session: what it sends while we are away is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.bridges.thethings import uplinks
from gateway.bridges.thethings.downlinks import command_id, downlink, listening
from gateway.bridges.thethings.uplinks import part_of, text
from gateway.core import downlinks, receptions
from gateway.core.documents import load
from gateway.core.echoes import shows
from gateway.core.framecounts import FrameCounts
from gateway.core.messages import (
    Device,
    Event,
    Evidence,
    Message,
    Presence,
    Reject,
    Result,
    Tree,
    Uplink,
)
from gateway.core.ports import Order, Outgoing, Subscription
from gateway.core.routes import Routes, command, ignored, nowhere
from gateway.errors import DecodeError, EncodeError

DEVICES = 10_000
_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    application: str = "+"
    """``application@tenant`` as in the topics; ``+`` for every one the API key may read."""
    downlink_bytes: int = downlinks.SURE_BYTES
    """Most bytes of ``data`` in one downlink: what the slowest data rate of the region holds.
    EU868 51, US915 33, AS923 with dwell time 11; more where devices are near."""

    def __post_init__(self) -> None:
        downlinks.fits(self.downlink_bytes)


_Settings = Settings


class Bridge:
    """The applications of one cluster."""

    Settings = Settings

    def __init__(self, source: str, settings: _Settings) -> None:
        """Know no device yet: nothing is retained."""
        self.source = source
        self._application = settings.application
        self._most_bytes = settings.downlink_bytes
        self._counts = FrameCounts()
        self._applications: dict[str, str] = {}
        self._routes = Routes(_TABLE)
        self._readers = {
            "": nowhere,
            "command": command,
            "ignored": ignored,
            "up": self._up,
            "join": self._join,
            "sent": self._sent,
            "ack": self._ack,
            "nack": self._nack,
            "failed": self._failed,
            "location": self._location,
            "data": self._data,
        }

    def subscriptions(self) -> Sequence[Subscription]:
        """Take each kind of event by its name; push and replace are beside them."""
        base = f"v3/{self._application}/devices/+"
        return tuple(Subscription(f"{base}/{event}", qos=0) for event in _SUBSCRIBED)

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message; see ``core.ports``."""
        kind, names = self._routes[message.topic]
        try:
            return self._readers[kind](message, names)
        except DecodeError as error:
            return (Reject(error.reason, error.detail, names.get("device", "")),)

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write ``down/push``; an order of ``data`` alone is base64, any other a payload to encode.

        The stack has no expiry: what it has queued is sent whenever the device is heard.

        Raises:
            EncodeError: see ``downlinks``; ``unknown_device``, ``class``.
        """
        downlinks.check(order)
        application = self._applications.get(order.device, self._application)
        if application == "+":
            raise EncodeError("unknown_device", f"{order.device}: no uplink tells its application")
        if listening(order) is None:
            downlinks.hears(order, self._counts.interval_ms(order.device))
        topic = f"v3/{application}/devices/{order.device}/down/push"
        return (
            Outgoing(
                topic, downlinks.body({"downlinks": [downlink(order, self._most_bytes)]}), qos=0
            ),
        )

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Compare with the decoded payload of an uplink."""
        if uplink.device != order.device or not isinstance(uplink.values, dict):
            return False
        return shows(order.set, uplink.values.get("decoded_payload"))

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """A LoRaWAN device cannot be asked: its next uplink tells."""
        del order
        return ()

    def device(self, name: str) -> Device | None:
        """The stack publishes no registry."""
        del name
        return None

    def deadline_s(self, order: Order) -> float:
        """Twice the interval, for class A; an action's option ``class`` tells another one."""
        told = listening(order)
        if told is not None:
            return told
        return downlinks.patience_s(self._counts.interval_ms(order.device))

    def _read(
        self, message: Message, names: Mapping[str, str], key: str
    ) -> tuple[str, dict[str, Tree], dict[str, Tree]]:
        """Give the device, the event, and its part of that key."""
        tree = load(message.payload)
        part = tree.get(key) if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(part, dict):
            raise DecodeError("shape", f"expected an object with {key}")
        device = text(part_of(tree, "end_device_ids"), "device_id") or names["device"]
        if device != names["device"]:
            raise DecodeError("identity", f"its payload names {device[:64]!r}")
        if device in self._applications or len(self._applications) < DEVICES:
            self._applications[device] = names["application"]
        return device, tree, part

    def _up(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "uplink_message")
        link = receptions.best(part.get("rx_metadata"))
        count = part.get("f_cnt", 0)  # a zero is left out
        frame = count if type(count) is int else None
        if frame is not None and "session_key_id" in part and "simulated" not in tree:
            session, mono_ms = text(part, "session_key_id"), message.received_mono_ms
            missed = self._counts.missed(device, session, frame, mono_ms)
            if missed is not None:
                link["missed_frames"] = missed
        return tuple(uplinks.uplinks(device, tree, uplinks.fresh(part, frame, link), link, frame))

    def _join(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, _, _ = self._read(message, names, "join_accept")
        self._counts.restart(device)
        return (Presence(device, online=True),)

    def _sent(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "downlink_sent")
        return (Result(Evidence.SENT, command_id(tree, part), device),)

    def _ack(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "downlink_ack")
        return (Result(Evidence.CONFIRMED, command_id(tree, part), device),)

    def _nack(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """Not final: a device of class A is told again by itself."""
        device, tree, part = self._read(message, names, "downlink_nack")
        return (Result(Evidence.NACK, command_id(tree, part), device),)

    def _failed(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "downlink_failed")
        error = part_of(part, "error")
        detail = f"{text(error, 'name')}: {text(error, 'message_format')}"[:_DETAIL]
        key = command_id(tree, part_of(part, "downlink"))
        return (Result(Evidence.FAILED, key, device, detail=detail),)

    def _location(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "location_solved")
        return (Uplink(device, {"location_solved": part}, *uplinks.received({}, tree)),)

    def _data(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        device, tree, part = self._read(message, names, "service_data")
        return (Uplink(device, {"service_data": part}, *uplinks.received({}, tree)),)


_DEVICE = "v3/{application}/devices/{device}"
_TABLE = (
    ("command", f"{_DEVICE}/down/push"),
    ("command", f"{_DEVICE}/down/replace"),
    ("up", f"{_DEVICE}/up"),
    ("join", f"{_DEVICE}/join"),
    ("sent", f"{_DEVICE}/down/sent"),
    ("ack", f"{_DEVICE}/down/ack"),
    ("failed", f"{_DEVICE}/down/failed"),
    ("nack", f"{_DEVICE}/down/nack"),
    ("ignored", f"{_DEVICE}/down/queued"),
    ("location", f"{_DEVICE}/location/solved"),
    ("data", f"{_DEVICE}/service/data"),
)
_SUBSCRIBED = (
    "up",
    "join",
    "down/sent",
    "down/ack",
    "down/nack",
    "down/failed",
    "location/solved",
    "service/data",
)
