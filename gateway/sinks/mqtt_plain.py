"""Rows as ordinary messages: AWS IoT Core, Azure IoT Hub and Event Grid, HiveMQ, any broker.

Nobody there says how far it is, so the broker's acknowledgement counts: a row may come twice, and
each says by gateway, epoch, lane and seq which it is. ``mqtt`` is the sink for a receiver that
keeps a cursor.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal

from gateway.core.batches import Answer, Batch, Stream
from gateway.errors import ConfigError, DecodeError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import mqtt_azure, mqtt_pieces, mqtt_wire
from gateway.sinks.mqtt_delivery import Delivery, Letter
from gateway.sinks.mqtt_link import OVERHEAD, Link
from gateway.sinks.mqtt_pieces import Piece
from gateway.sinks.mqtt_profiles import PROFILES, Profile, unfit_topic
from gateway.sinks.mqtt_wire import Wire

HUB = "azure-iot-hub"
AWS_ALPN = "x-amzn-mqtt-ca"
"""AWS IoT Core's word for MQTT with a client certificate on port 443."""
_RENEW = 0.8
"""Of a token's life: then the next batch goes over a new connection with a new one."""
_BAG = 512
"""Bytes of an IoT Hub topic with all that is in it, at most."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    host: str
    """The broker; for AWS the account's endpoint, for Azure the hub or namespace."""
    profile: Literal["generic", "hivemq", "aws", "azure-iot-hub", "azure-event-grid"] = "generic"
    """Whose limits to keep: sizes, rates, topics, versions."""
    topic: str = "edge/{gateway}/{lane}"
    """Where to publish; ``{gateway}`` and ``{lane}`` are filled in. Not for Azure IoT Hub."""
    format: Literal["rows", "single", "lines", "batch"] = "rows"
    """A JSON array of rows, one row a message, JSON lines, or the packed batch as it is."""
    port: int = 0
    """0: 8883, or 1883 without TLS."""
    protocol: Literal["", "5", "3.1.1"] = ""
    """Empty: the best that the profile speaks."""
    tls: bool = True
    """The broker's certificate and name are checked."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    username: str = ""
    """User name; for Event Grid the client's authentication name. Made for Azure IoT Hub."""
    password_file: str = ""
    """File with the password, in its first line; read at each connect."""
    client_id: str = ""
    """Each lane adds ``-<lane>``; empty: made of the gateway's id, the broker and the topic."""
    device: str = ""
    """Azure IoT Hub: the device, with ``{lane}`` in its name, since one may connect once only."""
    device_keys_file: str = ""
    """Azure IoT Hub: file with a line ``<device> <key>`` per device; or use certificates."""
    token_s: int = 3_600
    """Azure IoT Hub: life of a token made from the key."""
    max_bytes: int = 0
    """Longest message; 0: the profile's. A broker's own Maximum Packet Size counts, too."""
    messages_per_s: float = 0.0
    """0: the profile's."""
    keepalive_s: int = 60
    """How often to show that we are there while nothing is sent."""
    timeout_s: float = 30.0
    """How long the broker may take to answer; it has a second more for each kilobyte."""

    def __post_init__(self) -> None:
        mqtt_wire.check(self)
        profile = PROFILES[self.profile]
        low, high = profile.keepalive_s
        if self.protocol and self.protocol not in profile.protocols:
            raise ValueError(f"protocol: {self.profile} speaks {', '.join(profile.protocols)}")
        if not low <= self.keepalive_s <= high:
            raise ValueError(f"keepalive_s: {self.profile} takes {low} to {high}")
        if not 0 <= self.max_bytes <= profile.payload_bytes and self.profile != "generic":
            raise ValueError(f"max_bytes: {self.profile} takes {profile.payload_bytes} at most")
        if self.messages_per_s < 0 or self.token_s < 60:  # noqa: PLR2004  # a minute
            raise ValueError("messages_per_s is 0 or more, and token_s 60 or more")
        if (self.profile == HUB) != bool(self.device):
            raise ValueError("device belongs to azure-iot-hub, which needs it")
        if self.device_keys_file and not self.device:
            raise ValueError("device_keys_file belongs to azure-iot-hub")
        if self.device and "{lane}" not in self.device:
            raise ValueError("device needs {lane} in it: a device may connect once only")
        if self.profile != HUB and (why := unfit_topic(profile, self.topic)):
            raise ValueError(f"topic: {why}")

    def limits(self) -> Profile:
        """The profile, as far as the user left it alone."""
        told = PROFILES[self.profile]
        return replace(
            told,
            payload_bytes=self.max_bytes or told.payload_bytes,
            messages_per_s=self.messages_per_s or told.messages_per_s,
        )


_Settings = Settings


class Sink:
    """One stream to one topic."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        """Nothing is connected before ``cursor``.

        Raises:
            ConfigError: with this gateway's id the topic or client id is not one for this cloud.
        """
        self._settings, self._stream, self._limits = settings, stream, settings.limits()
        if settings.format == "batch":
            self.most_bytes = self._limits.payload_bytes - _BAG
        self._device = settings.device.replace("{lane}", stream.lane)
        self._topic = settings.topic.replace("{gateway}", stream.gateway)
        self._topic = self._topic.replace("{lane}", stream.lane)
        if not self._device and (why := unfit_topic(self._limits, self._topic)):
            raise ConfigError(f"topic {self._topic}: {why}")
        self._client_id = self._device or mqtt_wire.client_id(
            settings.client_id, settings, settings.topic, stream
        )
        if len(self._client_id.encode()) > self._limits.client_id_bytes:
            raise ConfigError(f"client id {self._client_id} is too long for {settings.profile}")
        self._delivery = Delivery(self._limits)
        self._link: Link | None = None
        self._renew_at_s = 0.0

    def cursor(self) -> None:
        """Connect; nobody there knows a cursor.

        Raises:
            SinkUnavailableError: the broker cannot be reached, or does not let us in.
        """
        self.close()
        link = Link(self._wire())
        try:
            link.open()
        except SinkUnavailableError:
            link.close()
            raise
        self._link = link
        self._renew_at_s = time.monotonic() + _RENEW * self._settings.token_s

    def send(self, batch: Batch) -> Answer:
        """Publish a batch's rows and wait until the broker has acknowledged every message.

        Raises:
            SinkUnavailableError: it has not. The same batch again sends only what is missing.
            SinkRefusedError: it is no batch.
        """
        if self._link is not None and self._device and time.monotonic() > self._renew_at_s:
            self.cursor()  # the hub ends the connection when its token does
        link = self._link
        if link is None:
            raise SinkUnavailableError("not connected")
        room = link.maximum_packet - len(self._topic.encode()) - OVERHEAD - _BAG
        most = min(self._limits.payload_bytes, room)
        try:
            pieces, long = mqtt_pieces.cut(batch, self._settings.format, most)
        except DecodeError as error:
            raise SinkRefusedError(str(error)) from error
        letters = (self._letter(piece) for piece in pieces)
        try:
            refused = self._delivery.deliver(link, batch.id, letters)
        except SinkUnavailableError:
            link.close()
            raise
        return Answer(batch.header.cursor, (*long, *refused))

    def close(self) -> None:
        """Disconnect; whoever waits for an answer is told."""
        link, self._link = self._link, None
        self._delivery.end()
        if link is not None:
            link.close()

    def _letter(self, piece: Piece) -> Letter:
        kind = mqtt_pieces.content_type(self._settings.format)
        if not self._device:
            return Letter(self._topic, piece, kind)
        return Letter(mqtt_azure.topic(self._device, self._stream, piece, kind), piece, kind)

    def _wire(self) -> Wire:
        settings, limits = self._settings, self._limits
        aws = settings.profile == "aws" and settings.port == 443  # noqa: PLR2004  # HTTPS
        return Wire(
            host=settings.host,
            port=mqtt_wire.port(settings),
            client_id=self._client_id,
            tls=mqtt_wire.tls(settings, (AWS_ALPN,) if aws else ()),
            five=(settings.protocol or limits.protocols[0]) == "5",
            username=self._username(),
            password=self._password(),
            keepalive_s=settings.keepalive_s,
            timeout_s=settings.timeout_s,
            window=limits.window,
        )

    def _username(self) -> str:
        if self._device:
            return mqtt_azure.username(self._settings.host, self._device)
        return self._settings.username

    def _password(self) -> str | None:
        settings = self._settings
        if not settings.device_keys_file:
            return mqtt_wire.first_line(settings.password_file)
        key = mqtt_azure.key_of(self._device, settings.device_keys_file)
        expires_at_s = time.time_ns() // 1_000_000_000 + settings.token_s
        return mqtt_azure.token(settings.host, self._device, key, expires_at_s)
