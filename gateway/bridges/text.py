"""Bare values, one per topic: ESPHome, Shelly Gen1, PLC gateways; or lines of columns.

A number stays text until the metric says how it is to be read: unit, decimal comma, words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.bridges import declared
from gateway.bridges.declared import Declared, Time
from gateway.core import downlinks
from gateway.core.documents import text
from gateway.core.messages import Event, Message, Origin, Reason, Tree, Uplink
from gateway.core.ports import Order, Outgoing
from gateway.errors import DecodeError, EncodeError


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a source of this kind."""

    topic: str = "{device+}/{metric}"
    """Pattern of the topics; ``{device}`` and ``{metric}`` are levels, ``{device+}`` several."""
    subscribe: tuple[str, ...] = ()
    """Topic filters; without them, what ``topic`` and ``availability`` need."""
    metric: str = "value"
    """Name of the value where ``topic`` has no ``{metric}``; metric paths are names."""
    codec: Literal["scalar", "csv"] = "scalar"
    """One value, or one line of ``columns``."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a line, in order."""
    separator: str = ","
    """Between two columns."""
    time: Time | None = None
    """Column that says when a line was measured."""
    untrusted: bool = False
    """Anybody with a transmitter can send these: kept, never decided on."""
    availability: str = ""
    """Pattern of the topics that announce a device, or without ``{device}`` the whole source."""
    online: str = "online"
    """What is announced of a device that is there."""
    offline: str = "offline"
    """What is announced of a device that is gone."""
    command_topic: str = ""
    """Pattern to publish one bare value to, e.g. ``{device}/switch/{property}/command``."""
    deadline_s: float = 10.0
    """How long a device may take to show that it obeyed."""

    def __post_init__(self) -> None:
        declared.check(
            (),
            {
                self.topic: frozenset({"device", "metric"}),
                self.availability: frozenset({"device"}),
                self.command_topic: frozenset({"device", "property"}),
            },
        )
        declared.filters(self.subscribe, (self.topic, self.availability))
        if "{device" not in self.topic:
            raise ValueError("nothing names the device: put {device} into topic")
        if (self.codec == "csv") != bool(self.columns):
            raise ValueError("columns belong to codec: csv, and it needs them")
        if len(set(self.columns)) < len(self.columns) or not self.separator:
            raise ValueError("columns need different names and a separator")
        if self.time is not None and self.time.path not in self.columns:
            raise ValueError(f"time: there is no column {self.time.path!r}")


_Settings = Settings


class Bridge(Declared):
    """Devices that send bare values."""

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
        self._reason = Reason.UNTRUSTED_RADIO if settings.untrusted else Reason.OK

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Write each property by itself, as a bare value.

        Raises:
            EncodeError: ``no_command_topic``, ``value``; see ``downlinks``.
        """
        downlinks.check(order)
        pattern = self._settings.command_topic
        if not pattern:
            raise EncodeError("no_command_topic", f"source {self.source} declares none")
        if len(order.set) > 1 and "{property" not in pattern:
            raise EncodeError("value", f"{pattern} takes one property, not {len(order.set)}")
        return tuple(
            Outgoing(declared.fill(pattern, order.device, key), _bare(key, value))
            for key, value in order.set.items()
        )

    def _state(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        if not message.payload:
            return ()  # a retained value was cleared
        device = declared.named(names["device"])
        line = text(message.payload).strip()
        if "\0" in line:
            raise DecodeError("shape", "NUL in a text")
        settings = self._settings
        if settings.codec == "scalar":
            values: dict[str, Tree] = {names.get("metric", settings.metric): line}
        else:
            values = self._cells(line)
        at_ms = settings.time.read(values.pop(settings.time.path)) if settings.time else None
        origin = Origin.NONE if at_ms is None else Origin.SAMPLE
        return (Uplink(device, values, at_ms, origin, reason=self._reason),)

    def _cells(self, line: str) -> dict[str, Tree]:
        columns = self._settings.columns
        cells = [cell.strip() for cell in line.split(self._settings.separator)]
        if len(cells) != len(columns):
            raise DecodeError("shape", f"{len(cells)} columns, not {len(columns)}")
        return dict(zip(columns, cells, strict=True))


def _bare(key: str, value: object) -> bytes:
    """Write a value as people do: true, 55, 21.5, ON."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        raise EncodeError("value", f"{key}: {value!r} is no bare value")
    return str(value).encode()
