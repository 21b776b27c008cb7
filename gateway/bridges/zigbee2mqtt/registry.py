"""What is said about devices: ``bridge/*`` and ``availability``.

Source: zigbee2mqtt lib/extension/{bridge,availability}.ts. Each reader takes the message and the
named levels of its topic, and gives the events.
"""

from collections.abc import Mapping, Sequence

from gateway.bridges.zigbee2mqtt import exposes, failures, preflight
from gateway.bridges.zigbee2mqtt.check_ins import CheckIns
from gateway.bridges.zigbee2mqtt.info import Info
from gateway.bridges.zigbee2mqtt.info import read as read_info
from gateway.core.documents import load, text
from gateway.core.messages import Device, Event, Message, Presence, Roster, Tree
from gateway.core.ports import Order
from gateway.errors import DecodeError, EncodeError

REGISTRY_BYTES = 8 * 1024 * 1024
"""About 3.5 KB per device; Zigbee2MQTT's own limit of a packet is 1 MiB."""
REGISTRY_KEYS = 500_000
DEVICES = 2_000
"""Names remembered beside the registry."""


class Registry:
    """What is known about a Zigbee2MQTT and its devices, as far as it was told."""

    def __init__(self) -> None:
        """Know nothing: without ``bridge/devices`` no order passes."""
        self.info = Info()
        self._online: bool | None = None
        self._devices: dict[str, Device] | None = None
        self._introduced: dict[str, Device] = {}
        self._offline: set[str] = set()
        self.updating: set[str] = set()
        """Being flashed, as their own states say."""
        self.check_ins = CheckIns()

    def check(self, order: Order) -> None:
        """Hold an order against all that is known.

        Raises:
            EncodeError: ``bridge_offline``, ``offline``, ``updating``, ``no_registry``,
                ``unknown_device``, and
                those of ``preflight``.
        """
        name = order.device
        if self._online is False:
            raise EncodeError("bridge_offline", "Zigbee2MQTT says that it is offline")
        if name in self._offline:
            raise EncodeError("offline", f"{name} is announced as offline")
        if name in self.updating:
            raise EncodeError("updating", f"{name} is being flashed")
        if self._devices is None:
            raise EncodeError("no_registry", "bridge/devices, which is retained, has not come yet")
        if name not in self._devices:
            raise EncodeError("unknown_device", f"{name!r} is not in bridge/devices")
        preflight.check(order, self._devices[name])

    def device(self, name: str) -> Device | None:
        """Look a device up in ``bridge/devices``, or in what its own messages told."""
        listed = None if self._devices is None else self._devices.get(name)
        return listed or self._introduced.get(name)

    def introduce(self, name: str, block: Mapping[str, Tree]) -> Sequence[Event]:
        """Learn from ``mqtt.include_device_information`` what ``bridge/devices`` has not told."""
        address, model = block.get("ieeeAddr"), block.get("model")
        listed = None if self._devices is None else self._devices.get(name)
        if listed is not None and isinstance(address, str) and address != listed.address:
            raise DecodeError("identity", f"bridge/devices knows it as {listed.address}")
        if self.device(name) or not isinstance(address, str) or len(self._introduced) >= DEVICES:
            return ()
        battery = "battery" in str(block.get("powerSource")).lower()
        known = model if isinstance(model, str) else ""
        self._introduced[name] = device = Device(name, address, known, battery=battery)
        return (Roster((device,), complete=False),)

    def read_availability(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``base/name/availability``, retained; empty when the device was renamed or removed."""
        device, online = names["device"], _online(message.payload)
        if online is False and len(self._offline) < DEVICES:
            self._offline.add(device)
        else:
            self._offline.discard(device)
        return (Presence(device, online),)

    def read_state(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``bridge/state``, retained, also the will."""
        del names
        self._online = _online(message.payload)
        return (Presence("", self._online),)

    def read_info(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``bridge/info``, retained."""
        del names
        if not message.payload:
            return ()
        self.info = read_info(_document(message.payload))
        return (Roster((), complete=False, warnings=self.info.warnings),)

    def read_devices(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``bridge/devices``, retained.

        A cleared one changes nothing: a broker without persistence loses it until Zigbee2MQTT
        itself starts again.
        """
        del names
        if not message.payload:
            return ()
        devices = exposes.devices(_document(message.payload))
        self._devices = {device.device: device for device in devices}
        self.check_ins.of(device.device for device in devices if device.battery)
        return (Roster(devices, warnings=self.info.warnings),)

    def read_event(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``bridge/event``."""
        del names
        tree = load(message.payload)
        data = tree.get("data") if isinstance(tree, dict) else None
        name = data.get("friendly_name") if isinstance(data, dict) else None
        if not isinstance(tree, dict) or not isinstance(name, str):
            raise DecodeError("shape", "expected type and data.friendly_name")
        online = _EVENTS.get(str(tree.get("type")))
        return () if online is None else (Presence(name, online),)

    def read_log(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        """``bridge/logging`` and, of 1.x, ``bridge/log``.

        Every publish is logged too, so most lines are dropped before they are parsed.
        """
        del names
        if b'"error"' not in message.payload and b"publish_error" not in message.payload:
            return ()
        tree = load(message.payload)
        result = failures.logged(tree) or failures.logged_1x(tree)
        return () if result is None else (result,)


_EVENTS = {"device_joined": True, "device_announce": True, "device_leave": False}
_WORDS = {"online": True, "offline": False}


def _online(payload: bytes) -> bool | None:
    """2.x sends an object, 1.x the bare word; an empty payload clears what was retained."""
    if not payload:
        return None
    word: Tree = text(payload).strip()
    if payload.lstrip()[:1] == b"{":
        tree = load(payload)
        word = tree.get("state") if isinstance(tree, dict) else None
    if not isinstance(word, str) or word not in _WORDS:
        raise DecodeError("shape", "expected online or offline")
    return _WORDS[word]


def _document(payload: bytes) -> Tree:
    return load(payload, max_bytes=REGISTRY_BYTES, max_keys=REGISTRY_KEYS)
