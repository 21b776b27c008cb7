"""JSON of any shape, with declared paths: PLC gateways, ESP firmware, rtl_433, OpenMQTTGateway.

The device is a part of the topic, a member of the document, or both; the values are the document
itself, each of its records, or a list of named records folded into one object.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.bridges import declared
from gateway.bridges.declared import Declared, Time
from gateway.core import downlinks
from gateway.core.documents import load
from gateway.core.messages import Event, Message, Origin, Reason, Tree, Uplink
from gateway.core.paths import MISSING, Path
from gateway.core.ports import Order, Outgoing
from gateway.errors import DecodeError, EncodeError

_TRUE = frozenset({"true", "1", "yes", "on", "enable", "enabled"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    topic: str = "{device+}"
    """Pattern of the topics; ``{device}`` is one level, ``{device+}`` one or more."""
    subscribe: tuple[str, ...] = ()
    """Topic filters; without them, what ``topic`` and ``availability`` need."""
    device: tuple[str, ...] = ()
    """Paths of the device's name in the record or the document; several are joined by ``/``."""
    each: str = ""
    """Path that fans out to records, e.g. ``[*]`` or ``sensorDatas[*]``."""
    name: str = ""
    """Path of a record's name: the records then are one object, and metric paths are names."""
    value: tuple[str, ...] = ("value",)
    """Paths of a named record's value; the first that is there counts."""
    time: Time | None = None
    """When it was measured; without it, a reading is filed under the time it came."""
    dedup: tuple[str, ...] = ()
    """Paths that together are the same for every delivery of the same message, and for no other."""
    historical: str = ""
    """Path of a flag that marks stored data sent again: kept, never decided on."""
    untrusted: bool = False
    """Anybody with a transmitter can send these: kept, never decided on."""
    availability: str = ""
    """Pattern of the topics that announce a device, or without ``{device}`` the whole source."""
    online: str = "online"
    """What is announced of a device that is there."""
    offline: str = "offline"
    """What is announced of a device that is gone."""
    command_topic: str = ""
    """Pattern to publish orders to, as ``{"<property>": value}``; with ``{property}`` in it, one
    message per property with the value alone."""
    deadline_s: float = 10.0
    """How long a device may take to show that it obeyed."""

    def __post_init__(self) -> None:
        only = (self.each, self.name, self.historical, self.time.path if self.time else "")
        device = frozenset({"device"})
        declared.check(
            (*filter(None, only), *self.device, *self.value, *self.dedup),
            {
                self.topic: device,
                self.availability: device,
                self.command_topic: frozenset({"device", "property"}),
            },
        )
        declared.filters(self.subscribe, (self.topic, self.availability))
        if "{device" not in self.topic and not self.device and "*" not in self.each:
            raise ValueError("nothing names the device: put {device} into topic, or set device")


_Settings = Settings


class Bridge(Declared):
    """Devices that speak JSON."""

    Settings = _Settings

    def __init__(self, source: str, settings: _Settings) -> None:
        super().__init__(
            source,
            declared.filters(settings.subscribe, (settings.topic, settings.availability)),
            declared.table(settings.command_topic, settings.availability, settings.topic),
            {settings.online: True, settings.offline: False},
            settings.deadline_s,
        )
        self._settings = settings
        self._each = Path.parse(settings.each) if settings.each else None
        self._name = Path.parse(settings.name) if settings.name else None
        self._device = tuple(map(Path.parse, settings.device))
        self._value = tuple(map(Path.parse, settings.value))
        self._dedup = tuple(map(Path.parse, settings.dedup))
        self._historical = Path.parse(settings.historical) if settings.historical else None
        self._time = Path.parse(settings.time.path) if settings.time else None

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write an order as one object, or each property by itself.

        Raises:
            EncodeError: ``no_command_topic``; see ``downlinks``.
        """
        downlinks.check(order)
        pattern = self._settings.command_topic
        if not pattern:
            raise EncodeError("no_command_topic", f"source {self.source} declares none")
        if "{property" not in pattern:
            topic = declared.fill(pattern, order.device)
            return (Outgoing(topic, downlinks.body(dict(order.set))),)
        return tuple(
            Outgoing(declared.fill(pattern, order.device, key), downlinks.body(value))
            for key, value in order.set.items()
        )

    def _state(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        if not message.payload:
            return ()  # a retained value was cleared
        tree = load(message.payload)
        if tree is None:
            return ()
        if not isinstance(tree, dict | list):
            raise DecodeError("shape", "expected an object or an array; see the bridge text")
        uplinks = list(self._uplinks(tree, names.get("device", "")))
        if self._name is not None:
            uplinks = _folded(uplinks)
        return tuple(uplinks)

    def _uplinks(self, tree: Tree, device: str) -> Iterator[Uplink]:
        """Give one uplink per record; what a record does not say, the document may."""
        found = [((), tree)] if self._each is None else self._each.find(tree)
        for count, (captures, record) in enumerate(found):
            trees = (record, tree)
            at_ms = self._at_ms(trees)
            key = _joined(self._dedup, trees, "|")
            yield Uplink(
                declared.named(_joined(self._device, trees, "/") or device or "/".join(captures)),
                record if self._name is None else self._pair(self._name, record),
                at_ms,
                Origin.NONE if at_ms is None else Origin.SAMPLE,
                f"{key}#{count}" if key and count else key,
                self._reason(trees),
            )

    def _pair(self, path: Path, record: Tree) -> dict[str, Tree]:
        """Read a named record; without a name or a value it has no news."""
        name = _scalar(path.first(record))
        values = (path.first(record) for path in self._value)
        value = next((one for one in values if one is not MISSING), MISSING)
        return {} if name is None or value is MISSING else {name: value}

    def _at_ms(self, trees: tuple[Tree, Tree]) -> int | None:
        if self._time is None or self._settings.time is None:
            return None
        return self._settings.time.read(_first(self._time, trees))

    def _reason(self, trees: tuple[Tree, Tree]) -> Reason:
        if self._historical is not None:
            flag = _scalar(_first(self._historical, trees))
            if flag is not None and flag.lower() in _TRUE:
                return Reason.HISTORICAL
        return Reason.UNTRUSTED_RADIO if self._settings.untrusted else Reason.OK


def _folded(uplinks: list[Uplink]) -> list[Uplink]:
    """Make one uplink of the named records of one device at one time; the last of a name counts."""
    groups: dict[tuple[str, int | None, Reason], Uplink] = {}
    for uplink in uplinks:
        key = (uplink.device, uplink.measured_at_ms, uplink.reason)
        values = groups.setdefault(key, uplink).values
        if isinstance(values, dict) and isinstance(uplink.values, dict):
            values.update(uplink.values)
    return [uplink for uplink in groups.values() if uplink.values]


def _joined(paths: tuple[Path, ...], trees: tuple[Tree, Tree], by: str) -> str | None:
    """Join what the paths find; None when there are none, or one finds no scalar."""
    words = [_scalar(_first(path, trees)) for path in paths]
    known = [word for word in words if word is not None]
    return by.join(known) if known and len(known) == len(words) else None


def _first(path: Path, trees: tuple[Tree, Tree]) -> Tree:
    """Look in the record, then in the document."""
    record, tree = trees
    value = path.first(record)
    return path.first(tree) if value is MISSING else value


def _scalar(value: Tree) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
