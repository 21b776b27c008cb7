"""Topics, orders and acknowledgements of ChirpStack.

Source: chirpstack/src/integration/mqtt.rs, chirpstack/src/downlink/data.rs; chirpstack-docs
integrations/mqtt.md. A malformed command gets no answer at all, so it is checked here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.bridges.chirpstack import schema, v3
from gateway.bridges.chirpstack.events import DEVICES, Events
from gateway.core import downlinks
from gateway.core.documents import load
from gateway.core.echoes import shows
from gateway.core.messages import Device, Event, Message, Reject, Tree, Uplink
from gateway.core.ports import Order, Outgoing, Subscription
from gateway.core.routes import Routes, command, nowhere
from gateway.core.times import rfc3339
from gateway.errors import DecodeError, EncodeError

LAST_PORT = 255
BEACON_S = 300.0
"""Class B: two beacon periods and the ping slots after them."""

_ADVICE = "set `json = true` in [integration.mqtt] of ChirpStack"
_PROTOBUF_STARTS = b"\x08\x0a\x12\x1a"
"""Tags of the first fields of an event."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    application: str = "application"
    """First levels of the topics, as in ``event_topic`` of ChirpStack's [integration.mqtt]."""
    application_id: str = ""
    """Where commands go to a device that was not heard yet; else its own application is known."""
    downlink_bytes: int = downlinks.SURE_BYTES
    """Most bytes of ``data`` in one downlink: what the slowest data rate of the region holds.
    EU868 51, US915 33, AS923 with dwell time 11; more where devices are near."""

    def __post_init__(self) -> None:
        downlinks.fits(self.downlink_bytes)


_Settings = Settings
_DEV_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)


class Bridge:
    """One ChirpStack."""

    Settings = Settings

    def __init__(self, source: str, settings: _Settings) -> None:
        """Know no device yet."""
        self.source = source
        self._settings = settings
        self._base = settings.application.strip("/")
        self._events = Events()
        self._protobuf: set[str] = set()
        self._routes = Routes((kind, f"{self._base}/{pattern}") for kind, pattern in _TABLE)
        self._readers = {"": nowhere, "command": command, "event": self._event}

    @staticmethod
    def spell(device: str) -> str:
        """A devEUI is written in small hex digits, whatever the label on the device says."""
        bare = device.replace("-", "").replace(":", "")
        return bare.lower() if _DEV_EUI.fullmatch(bare) else device

    def subscriptions(self) -> Sequence[Subscription]:
        """Take the events of all devices; command topics are beside them."""
        return (Subscription(f"{self._base}/+/device/+/event/+"),)

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message; see ``core.ports``."""
        kind, names = self._routes[message.topic]
        try:
            return self._readers[kind](message, names)
        except DecodeError as error:
            return (Reject(error.reason, error.detail, names.get("device", "")),)

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write ``command/down``; an order of ``data`` alone is base64, any other an object.

        Raises:
            EncodeError: see ``downlinks``; ``unknown_device``, ``protobuf``, ``id``, ``class``.
        """
        downlinks.check(order)
        eui = v3.eui(order.device)
        sender = self._events.sender(eui)
        application = sender.application if sender else self._settings.application_id
        if not eui or not application:
            raise EncodeError("unknown_device", f"{order.device}: no uplink tells its application")
        if eui in self._protobuf:
            raise EncodeError("protobuf", f"its commands would have to be protobuf; {_ADVICE}")
        if not _UUID.fullmatch(order.command_id):
            raise EncodeError("id", "ChirpStack takes a UUID")
        if sender is None or sender.downlink_class not in _LISTENING:
            downlinks.hears(order, self._events.counts.interval_ms(eui))
        topic = f"{self._base}/{application}/device/{eui}/command/down"
        return (
            Outgoing(topic, downlinks.body(_command(order, eui, self._settings.downlink_bytes))),
        )

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Compare with the decoded object of an uplink."""
        if uplink.device != v3.eui(order.device) or not isinstance(uplink.values, dict):
            return False
        return shows(order.set, uplink.values.get("object"))

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """A LoRaWAN device cannot be asked: its next uplink tells."""
        del order
        return ()

    def device(self, name: str) -> Device | None:
        """What the events of a device told."""
        return self._events.device(v3.eui(name))

    def deadline_s(self, order: Order) -> float:
        """Class A answers after its next uplink, class C at once."""
        eui = v3.eui(order.device)
        sender = self._events.sender(eui)
        if sender is not None and sender.downlink_class in _LISTENING:
            return _LISTENING[sender.downlink_class]
        return downlinks.patience_s(self._events.counts.interval_ms(eui))

    def _event(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        event, eui = names["event"], v3.eui(names["device"])
        if not message.payload:
            return ()
        if event not in self._events.names:
            raise DecodeError("topic", f"unknown event {event[:64]!r}")
        tree = self._tree(event, message.payload, eui)
        info = tree.get("deviceInfo")
        said = v3.eui(info.get("devEui")) if isinstance(info, dict) else ""
        if said and eui and said != eui:
            raise DecodeError("identity", f"its payload names {said}")
        eui = said or eui
        if not eui:
            raise DecodeError("shape", "no devEUI")
        return self._events.read(event, eui, message, tree)

    def _tree(self, event: str, payload: bytes, eui: str) -> dict[str, Tree]:
        """Read JSON, else protobuf, which must name the device of its topic."""
        if payload[:1] in _FIRST and payload.lstrip()[:1] != b"{":
            tree = _protobuf(event, payload, eui)
            if len(self._protobuf) < DEVICES:
                self._protobuf.add(eui)
            return tree
        loaded = load(payload)
        if not isinstance(loaded, dict):
            raise DecodeError("shape", "expected an object")
        if self._protobuf:
            self._protobuf.discard(eui)
        return v3.modern(loaded)


_TABLE = (
    ("command", "{application}/device/{device}/command/#"),
    ("event", "{application}/device/{device}/event/{event}"),
)
_FIRST = frozenset(_PROTOBUF_STARTS[at : at + 1] for at in range(len(_PROTOBUF_STARTS)))
_LISTENING = {"B": BEACON_S, "C": downlinks.SHORTEST_S}
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _protobuf(event: str, payload: bytes, eui: str) -> dict[str, Tree]:
    try:
        tree = schema.decode(event, payload)
    except DecodeError as error:
        raise DecodeError(error.reason, f"{error.detail}; {_ADVICE}") from None
    info = tree["deviceInfo"]
    if not isinstance(info, dict) or v3.eui(info.get("devEui")) != eui:
        raise DecodeError("protobuf", f"it names another device than its topic; {_ADVICE}")
    return tree


def _command(order: Order, eui: str, most_bytes: int) -> Mapping[str, object]:
    data = downlinks.raw(order.set, most_bytes)
    return {
        "id": order.command_id,
        "devEui": eui,
        "confirmed": order.confirmed,
        "fPort": downlinks.port(order, LAST_PORT),
        **({"object": dict(order.set)} if data is None else {"data": data}),
        "expiresAt": rfc3339(order.expires_at_ms),
    }
