"""Topics, orders and echoes of Tasmota.

Source: tasmota/docs docs/MQTT.md, docs/Commands.md, docs/Zigbee.md. A change of a relay comes
twice, as ``stat/<topic>/RESULT`` and as ``stat/<topic>/POWER``: the second is dropped once a device
has shown that it sends the first. ``Time`` is local and names no zone.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from zoneinfo import ZoneInfo

from gateway.bridges.tasmota import topics, units, zigbee
from gateway.bridges.tasmota.topics import Settings
from gateway.core import downlinks, times
from gateway.core.documents import load, text
from gateway.core.echoes import number, shows
from gateway.core.messages import (
    Device,
    Event,
    Evidence,
    Message,
    Origin,
    Presence,
    Reject,
    Result,
    Tree,
    Uplink,
)
from gateway.core.ports import Order, Outgoing, Subscription
from gateway.core.routes import Routes, command, ignored, nowhere
from gateway.errors import ConfigError, DecodeError, EncodeError

ANSWER_S = 5.0
ZIGBEE_S = 12.0
DEVICES = 2_000
"""Names remembered: offline, sending RESULT, behind a Zigbee coordinator."""

_Settings = Settings


class Bridge:
    """The Tasmota devices of one broker."""

    Settings = Settings

    def __init__(self, source: str, settings: _Settings) -> None:
        """Know no device yet.

        Raises:
            ConfigError: the zone or the topic cannot be used.
        """
        self.source = source
        self._settings = settings
        self._zone = _zone(settings.zone)
        self._routes = Routes(topics.table(settings))
        self._readers = {
            "": nowhere,
            "command": command,
            "ignored": ignored,
            "presence": self._presence,
            "telemetry": self._telemetry,
            "result": self._result,
            "status": self._status,
        }
        self._offline: set[str] = set()
        self._with_result: set[str] = set()
        self._coordinators: dict[str, str] = {}

    def subscriptions(self) -> Sequence[Subscription]:
        """Take what devices say; commands have a prefix of their own."""
        prefixes = (self._settings.status_prefix, self._settings.telemetry_prefix)
        return tuple(Subscription(topics.subscribed(self._settings, prefix)) for prefix in prefixes)

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message; see ``core.ports``."""
        kind, names = self._routes[message.topic]
        try:
            return self._readers[kind](message, names)
        except DecodeError as error:
            return (Reject(error.reason, error.detail, names.get("device", "")),)

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write one command per value; a Zigbee device gets them in one ``ZbSend``.

        Options: ``zigbee``, the coordinator's topic, where it was not heard yet.

        Raises:
            EncodeError: see ``downlinks.check``; ``offline``, ``not_settable``, ``value``.
        """
        downlinks.check(order)
        coordinator = self._coordinator(order)
        if (coordinator or order.device) in self._offline:
            raise EncodeError("offline", f"{coordinator or order.device} is announced as offline")
        if coordinator:
            return (self._zigbee(coordinator, order, "Send", order.set),)
        return tuple(self._command(order, key, _word(key, to)) for key, to in order.set.items())

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Compare by value; keys differ in case, and a first relay may lose its number."""
        if uplink.device != order.device or not isinstance(uplink.values, dict):
            return False
        wanted = {_same(key): value for key, value in order.set.items()}
        return shows(wanted, {_same(key): value for key, value in uplink.values.items()})

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """Ask for what was set: a command without a value is a question."""
        coordinator = self._coordinator(order)
        if coordinator:
            return (self._zigbee(coordinator, order, "Read", dict.fromkeys(order.set, True)),)
        return tuple(self._command(order, key, b"") for key in order.set)

    def device(self, name: str) -> Device | None:
        """Tasmota publishes no registry that says what a device accepts."""
        del name
        return None

    def deadline_s(self, order: Order) -> float:
        """A device answers at once; one behind Zigbee may be a hop further."""
        return ZIGBEE_S if self._coordinator(order) else ANSWER_S

    def _coordinator(self, order: Order) -> str:
        named = downlinks.option(order, "zigbee")
        return named if isinstance(named, str) else self._coordinators.get(order.device, "")

    def _command(self, order: Order, key: str, payload: bytes) -> Outgoing:
        if not _KEY.fullmatch(key):
            raise EncodeError("not_settable", f"{key!r} is no command of Tasmota")
        return Outgoing(topics.command(self._settings, order.device, key), payload)

    def _zigbee(
        self, coordinator: str, order: Order, verb: str, values: Mapping[str, object]
    ) -> Outgoing:
        body = downlinks.body({"Device": order.device, verb: dict(values)})
        return Outgoing(topics.command(self._settings, coordinator, "ZbSend"), body)

    def _presence(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``LWT``, retained: bare words with a capital."""
        device, word = names["device"], text(message.payload).strip()
        if word not in _WORDS:
            raise DecodeError("shape", "expected Online or Offline")
        online = _WORDS[word]
        _remember(self._offline, device, there=online is False)
        return (Presence(device, online),)

    def _telemetry(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``SENSOR`` and ``STATE``."""
        return self._uplinks(names["device"], _object(message.payload)) if message.payload else ()

    def _result(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``RESULT``: the answer to a command, whoever gave it, or to a button."""
        if not message.payload:
            return ()
        device, tree = names["device"], _object(message.payload)
        if tree.get("Command") in ("Unknown", "Error"):
            return (Result(Evidence.FAILED, device=device, detail=f"command: {tree['Command']}"),)
        _remember(self._with_result, device, there=True)
        return self._uplinks(device, tree)

    def _status(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``POWER`` and its like, raw or (SetOption4) as JSON; ``STATUS8`` to ``STATUS11``."""
        device, key = names["device"], names["key"]
        if not message.payload:
            return ()
        if message.payload.lstrip()[:1] == b"{":
            tree = _object(message.payload)
            if not key.startswith("STATUS"):
                return self._uplinks(device, tree)
            inner = tree.get("StatusSNS", tree.get("StatusSTS"))
            return self._uplinks(device, inner) if isinstance(inner, dict) else ()
        if not key.startswith("POWER") or device in self._with_result:
            return ()
        return (Uplink(device, {key: text(message.payload)}),)

    def _uplinks(self, device: str, tree: dict[str, Tree]) -> Sequence[Event]:
        tree = units.metric(tree)
        received = tree.get("ZbReceived")
        if isinstance(received, dict):
            uplinks = tuple(zigbee.uplinks(received))
            for uplink in uplinks:
                self._introduce(uplink.device, device)
            return uplinks
        at_ms = times.parse(tree.get("Time"), "iso8601", self._zone)
        origin = Origin.NONE if at_ms is None else Origin.SAMPLE
        return (Uplink(device, tree, at_ms, origin, link=_link(tree), aside=_ASIDE),)

    def _introduce(self, device: str, topic: str) -> None:
        """SetOption89 adds the address to the topic: the coordinator is the level before it."""
        coordinator, _, address = topic.rpartition("/")
        if device in self._coordinators or len(self._coordinators) < DEVICES:
            named = coordinator if _ADDRESS.fullmatch(address) else topic
            self._coordinators[device] = named or topic


_ASIDE = frozenset({"Time", "TempUnit", "PressureUnit", "SpeedUnit"})
"""What SENSOR and STATE say beside their measurements."""
_WORDS = {"Online": True, "Offline": False, "": None}
_SWITCH = re.compile(r"POWER\d{0,2}", re.IGNORECASE)
_STEPS = "+-<>!"
"""``Dimmer +``: a step that is delivered twice is two."""
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")
_ADDRESS = re.compile(r"(0x)?[0-9A-Fa-f]{4}")


def _zone(name: str) -> tzinfo | None:
    """Look a zone up in the system's tables, once, when the file is read."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        raise ConfigError(
            f"zone {name!r}: no such time zone; expected e.g. Europe/Berlin"
        ) from None


def _object(payload: bytes) -> dict[str, Tree]:
    tree = load(payload)
    if not isinstance(tree, dict):
        raise DecodeError("shape", "expected an object")
    return tree


def _word(key: str, value: object) -> bytes:
    """Write a value as Tasmota reads it; 2 and more toggle or blink a relay, nothing asks."""
    word = ("OFF", "ON")[value] if isinstance(value, bool) else str(value).strip()
    plain = isinstance(value, bool | int | float | str)
    if not plain or not word or not word.isprintable():
        raise EncodeError("value", f"{key}: {value!r} is no value of a command")
    if word[0] in _STEPS and number(word) is None:
        raise EncodeError("toggle", f"{key}: {value!r} is a step; say the value it shall have")
    if _SWITCH.fullmatch(key) and number(word) not in {0.0, 1.0}:
        raise EncodeError("value", f"{key}: {value!r} is neither on nor off")
    return word.encode()


def _same(key: str) -> str:
    return "POWER" if key.upper() == "POWER1" else key.upper()


def _link(tree: Mapping[str, Tree]) -> dict[str, float]:
    """Wi-Fi: ``Signal`` is in dBm, ``RSSI`` in percent."""
    wifi = tree.get("Wifi")
    signal = wifi.get("Signal") if isinstance(wifi, dict) else None
    return {"rssi": signal} if type(signal) is int or type(signal) is float else {}


def _remember(names: set[str], name: str, *, there: bool) -> None:
    if there and len(names) < DEVICES:
        names.add(name)
    elif not there:
        names.discard(name)
