"""Topics, orders and echoes of Zigbee2MQTT.

Source: zigbee2mqtt lib/mqtt.ts, lib/extension/publish.ts. Groups publish states like devices do;
they are not in ``bridge/devices``, so they are read but not commanded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.bridges.zigbee2mqtt.registry import Registry
from gateway.bridges.zigbee2mqtt.states import States
from gateway.core import downlinks
from gateway.core.echoes import shows
from gateway.core.messages import Device, Event, Message, Reject, Tree, Uplink
from gateway.core.ports import Order, Outgoing, Subscription
from gateway.core.routes import Routes, command, ignored, nowhere
from gateway.errors import DecodeError

ANSWER_S = 12.0
"""The ZCL default response has 10 s."""

_TABLE = (
    ("command", "{device+}/set"),
    ("command", "{device+}/set/{key+}"),
    ("command", "{device+}/get"),
    ("command", "{device+}/get/{key+}"),
    ("command", "bridge/request/#"),
    ("bridge_state", "bridge/state"),
    ("info", "bridge/info"),
    ("devices", "bridge/devices"),
    ("event", "bridge/event"),
    ("log", "bridge/logging"),
    ("log", "bridge/log"),
    ("ignored", "bridge/#"),  # groups, health, definitions, extensions, converters, response
    ("availability", "{device+}/availability"),
    ("state", "{device+}"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    base: str = "zigbee2mqtt"
    """``mqtt.base_topic`` of Zigbee2MQTT."""


_Settings = Settings


class Bridge:
    """One Zigbee2MQTT."""

    Settings = Settings

    def __init__(self, source: str, settings: _Settings) -> None:
        """Know nothing yet: the registry, the settings and the states are retained topics."""
        self.source = source
        self._base = settings.base.strip("/")
        self._registry = registry = Registry()
        self._routes = Routes((kind, f"{self._base}/{pattern}") for kind, pattern in _TABLE)
        self._readers = {
            "": nowhere,
            "command": command,
            "ignored": ignored,
            "bridge_state": registry.read_state,
            "info": registry.read_info,
            "devices": registry.read_devices,
            "event": registry.read_event,
            "log": registry.read_log,
            "availability": registry.read_availability,
            "state": States(registry).read,
        }

    def subscriptions(self) -> Sequence[Subscription]:
        """Take everything below the base topic."""
        return (Subscription(f"{self._base}/#"),)

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message; see ``core.ports``."""
        kind, names = self._routes[message.topic]
        try:
            return self._readers[kind](message, names)
        except DecodeError as error:
            return (Reject(error.reason, error.detail, names.get("device", "")),)

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write ``base/name/set``; options such as ``transition`` go beside the values.

        Raises:
            EncodeError: see ``downlinks.check`` and ``Registry.check``.
        """
        downlinks.check(order)
        self._registry.check(order)
        return (self._out(order, "set", {**(order.options or {}), **order.set}),)

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Compare by value: ``{"brightness": "200"}`` comes back as 200."""
        return uplink.device == order.device and shows(order.set, uplink.values)

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """Ask with ``base/name/get`` for what can be got; a sleeping device never answers."""
        device = self.device(order.device)
        if device is None or device.battery:
            return ()
        keys = list(_gettable(device, order.set))
        return (self._out(order, "get", dict.fromkeys(keys, "")),) if keys else ()

    def answers(self, order: Order, uplink: Uplink, before: Tree) -> bool:
        """An echo is optimistic, and a bridge that caches repeats it in every later message.

        A message that something else caused shows that something else: what answers a ``get`` of
        values that did not change shows no other change.
        """
        if not uplink.cached or not isinstance(before, dict) or not isinstance(uplink.values, dict):
            return True
        aside = {*order.set, *uplink.aside, "linkquality"}
        now = uplink.values
        return all(
            now.get(key) == before.get(key)
            for key in now.keys() | before.keys()
            if key not in aside
        )

    def device(self, name: str) -> Device | None:
        """Look a device up in ``bridge/devices``, or in what its own messages told."""
        return self._registry.device(name)

    def deadline_s(self, order: Order) -> float:
        """Mains devices answer at once, sleeping ones when they check in: by their own rhythm."""
        device = self.device(order.device)
        if device is None or not device.battery:
            return ANSWER_S
        return downlinks.patience_s(self._registry.check_ins.gap_ms(order.device))

    def _out(self, order: Order, verb: str, tree: Mapping[str, object]) -> Outgoing:
        return Outgoing(f"{self._base}/{order.device}/{verb}", downlinks.body(tree))


def _gettable(device: Device, wanted: Mapping[str, object]) -> Iterable[str]:
    gettable = {feature.property for feature in device.features if feature.gettable}
    return (key for key in wanted if key in gettable)
