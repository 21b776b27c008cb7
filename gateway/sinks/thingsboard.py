"""Readings and events to ThingsBoard, by the MQTT API of its gateways.

An asset is a device there, named as here; what belongs to none is told of the gateway. Telemetry is
kept by device, key and time, so what is sent twice is there once (ThingsBoard docs, reference,
gateway MQTT API). A row without a value of its own, a refused reading, is told as
``<metric>_reason``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from gateway.core.batches import Answer, Batch, Refused, Stream, unpack
from gateway.errors import DecodeError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import mqtt_wire
from gateway.sinks.mqtt_delivery import Delivery, Letter
from gateway.sinks.mqtt_link import OVERHEAD, Link
from gateway.sinks.mqtt_pieces import Piece, document
from gateway.sinks.mqtt_profiles import Profile
from gateway.sinks.mqtt_wire import Wire

CONNECT: Final = "v1/gateway/connect"
ATTRIBUTES: Final = "v1/gateway/attributes"
TELEMETRY: Final = "v1/gateway/telemetry"
JSON: Final = "application/json"
LIMITS: Final = Profile(
    source="ThingsBoard configuration: NETTY_MAX_PAYLOAD_SIZE, 65,536 bytes by default; rates are"
    " those of the tenant's profile",
    payload_bytes=65_536,
)
_SUMMARY = ("low", "high", "n")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    host: str
    """The ThingsBoard server."""
    token_file: str
    """File with the access token of a device that is a gateway; read at each connect."""
    device_type: str = "edge-asset"
    """Profile of the devices that are made for our assets."""
    port: int = 0
    """0: 8883, or 1883 without TLS."""
    protocol: Literal["5", "3.1.1"] = "3.1.1"
    """ThingsBoard speaks both; 5 from 3.4 on."""
    tls: bool = True
    """The server's certificate and name are checked."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    client_id: str = ""
    """Each lane adds ``-<lane>``; empty: made of the gateway's id and the server."""
    max_bytes: int = 60_000
    """Longest message; the server takes 65,536 unless it was set up otherwise."""
    messages_per_s: float = 10.0
    """Tenant profiles limit it; over the limit the server hangs up."""
    keepalive_s: int = 60
    """How often to show that we are there while nothing is sent."""
    timeout_s: float = 30.0
    """How long the server may take to answer."""

    def __post_init__(self) -> None:
        mqtt_wire.check(self)
        if self.max_bytes < 1_024 or self.messages_per_s <= 0:  # noqa: PLR2004  # a row
            raise ValueError("max_bytes is 1024 or more, and messages_per_s more than 0")


_Settings = Settings


class Sink:
    """One stream to one ThingsBoard."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        """Nothing is connected before ``cursor``."""
        self._settings, self._stream = settings, stream
        limits = replace(LIMITS, messages_per_s=settings.messages_per_s)
        self._delivery = Delivery(limits)
        self._link: Link | None = None
        self._known: set[str] = set()

    def cursor(self) -> None:
        """Connect; nobody there knows a cursor.

        Raises:
            SinkUnavailableError: the server cannot be reached, or does not let us in.
        """
        self.close()
        link = Link(self._wire())
        try:
            link.open()
        except SinkUnavailableError:
            link.close()
            raise
        self._link, self._known = link, set()

    def send(self, batch: Batch) -> Answer:
        """Publish a batch's rows as telemetry and wait for every acknowledgement.

        Raises:
            SinkUnavailableError: one did not come. What is sent again overwrites itself.
            SinkRefusedError: it is no batch.
        """
        link = self._link
        if link is None:
            raise SinkUnavailableError("not connected")
        most = min(self._settings.max_bytes, link.maximum_packet - OVERHEAD - len(TELEMETRY))
        try:
            _, rows = unpack(batch.payload)
        except DecodeError as error:
            raise SinkRefusedError(str(error)) from error
        entries = [Entry(row["seq"], self._device(row), _entry(row)) for row in rows]
        fitting = [entry for entry in entries if entry.size <= most]
        long = [
            Refused(entry.seq, f"{entry.size} bytes, and a message has {most} at most")
            for entry in entries
            if entry.size > most
        ]
        new = sorted({entry.device for entry in fitting} - self._known)
        letters = [*self._introductions(new), *_telemetry(fitting, most)]
        try:
            refused = self._delivery.deliver(link, batch.id, letters)
        except SinkUnavailableError:
            link.close()
            raise
        self._known.update(new)
        return Answer(batch.header.cursor, (*long, *refused))

    def close(self) -> None:
        """Disconnect; whoever waits for an answer is told."""
        link, self._link = self._link, None
        self._delivery.end()
        if link is not None:
            link.close()

    def _device(self, row: Mapping[str, Any]) -> str:
        return str(row.get("asset") or self._stream.gateway)

    def _introductions(self, devices: list[str]) -> Iterator[Letter]:
        """Devices of this connection, before their first telemetry; they stand for no rows."""
        for number, device in enumerate(devices, 1):
            hello = document({"device": device, "type": self._settings.device_type})
            whose = {"gateway": self._stream.gateway, "epoch": self._stream.epoch}
            yield Letter(CONNECT, Piece(-number, -number - 1, hello), JSON)
            yield Letter(ATTRIBUTES, Piece(-number, -number - 2, document({device: whose})), JSON)

    def _wire(self) -> Wire:
        settings = self._settings
        return Wire(
            host=settings.host,
            port=mqtt_wire.port(settings),
            client_id=mqtt_wire.client_id(settings.client_id, settings, "", self._stream),
            tls=mqtt_wire.tls(settings),
            five=settings.protocol == "5",
            username=mqtt_wire.first_line(settings.token_file) or "",
            keepalive_s=settings.keepalive_s,
            timeout_s=settings.timeout_s,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as telemetry."""

    seq: int
    device: str
    told: bytes
    """``{"ts":..,"values":{..}}``."""

    @property
    def size(self) -> int:
        """Of a message with this entry alone: ``{"device":[...]}``."""
        return len(document(self.device)) + len(self.told) + 5


def _entry(row: Mapping[str, Any]) -> bytes:
    return document({"ts": row.get("at_ms", 0), "values": _values(row)})


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    metric, kind = row.get("metric"), str(row.get("kind"))
    if not metric or not kind.startswith("reading"):
        kept = {name: value for name, value in row.items() if name not in ("kind", "asset")}
        return {kind: kept}
    if kind != "reading":
        parts = {f"{metric}_{name}": row[name] for name in _SUMMARY if row.get(name) is not None}
        return {metric: row.get("mean"), **parts} if row.get("mean") is not None else parts
    if row.get("reason", "ok") != "ok" or row.get("value") is None:
        return {f"{metric}_reason": row.get("reason", "")}
    return {metric: row["value"]}


def _telemetry(entries: list[Entry], most: int) -> Iterator[Letter]:
    """Entries one after the other, as many devices and entries to a message as fit."""
    held: list[Entry] = []
    size = 0
    for entry in entries:
        if held and size + entry.size > most:
            yield _letter(held)
            held, size = [], 0
        held.append(entry)
        size += entry.size  # counts the device each time: a little less goes in than could
    if held:
        yield _letter(held)


def _letter(held: list[Entry]) -> Letter:
    devices: dict[str, list[bytes]] = {}
    for entry in held:
        devices.setdefault(entry.device, []).append(entry.told)
    told = (document(name) + b":[" + b",".join(all_) + b"]" for name, all_ in devices.items())
    payload = b"{" + b",".join(told) + b"}"
    return Letter(TELEMETRY, Piece(held[0].seq, held[-1].seq, payload), JSON)
