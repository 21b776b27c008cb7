"""Batches by MQTT to a receiver that says how far it is: only its word counts.

docs/sinks/mqtt.md has the topics and the payloads. A broker's acknowledgement is none of ours: it
has a message in memory, and loses it when it dies. So a session that outlives the connection would
gain nothing here: what was not answered is sent again, as the same bytes.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from gateway.core.batch_answers import CursorMessage, ask, read_cursor_message, topic_of
from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.errors import DecodeError, SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import mqtt_wire
from gateway.sinks.mqtt_link import NOBODY, OVERHEAD, Link
from gateway.sinks.mqtt_wire import Wire

T = TypeVar("T")

LEAST_BYTES = 4_096
"""Of ``max_bytes``: less would not hold a header and a row with a long text."""
CONTENT_TYPE = "application/gzip"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    host: str
    """The broker between us and the receiver."""
    port: int = 0
    """0: 8883, or 1883 without TLS. AWS IoT Core takes MQTT on 443, too."""
    topic: str = "edge-sync"
    """What our topics begin with; the receiver has the same."""
    alpn: str = ""
    """Protocol to name in the TLS handshake; ``x-amzn-mqtt-ca`` on port 443 of AWS IoT Core."""
    protocol: Literal["5", "3.1.1"] = "5"
    """With 5, what a receiver does not take in time is dropped by the broker, not queued."""
    tls: bool = True
    """The broker's certificate and name are checked."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    username: str = ""
    """User name."""
    password_file: str = ""
    """File with the password, in its first line; read at each connect."""
    client_id: str = ""
    """Each lane adds ``-<lane>``; empty: made of the gateway's id, the broker and the topic."""
    max_bytes: int = 262_144
    """Longest batch; less where the broker says so in its CONNACK (MQTT 5)."""
    keepalive_s: int = 60
    """How often to show that we are there while nothing is sent."""
    timeout_s: float = 30.0
    """How long the receiver may take to answer, once the broker has a batch, before the same bytes
    are sent again."""

    def __post_init__(self) -> None:
        mqtt_wire.check(self)
        if not self.topic or set("+#\0") & set(self.topic) or self.topic[:1] in ("$", "/"):
            raise ValueError("topic is one or more levels, without wildcards, and not below $")
        if self.max_bytes < LEAST_BYTES:
            raise ValueError(f"max_bytes is at least {LEAST_BYTES}")


_Settings = Settings


class Sink:
    """One stream to one receiver, through a broker."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        """Nothing is connected before ``cursor``."""
        self.most_bytes = settings.max_bytes
        self._settings = settings
        self._stream = stream
        self._batches, self._asks, self._cursors = (
            topic_of(settings.topic, what, stream) for what in ("batch", "ask", "cursor")
        )
        self._link: Link | None = None

    def cursor(self) -> Cursor:
        """Ask the receiver itself: what the broker retained may be old.

        Raises:
            SinkUnavailableError: the broker cannot be reached, or the receiver does not answer.
        """
        self.close()
        self._link = link = Link(self._wire())
        try:
            link.open()
            room = link.maximum_packet - len(self._batches.encode()) - OVERHEAD
            self.most_bytes = min(self._settings.max_bytes, room)
            link.subscribe(self._cursors)
            return self._exchange(link, self._asks, ask(self._stream), self._told)
        except SinkUnavailableError:
            link.close()
            raise

    def send(self, batch: Batch) -> Answer:
        """Publish a batch and wait until the receiver has it.

        Raises:
            SinkUnavailableError: no answer came.
            SinkGapError: the receiver is elsewhere in the stream.
            SinkRefusedError: it cannot read the batch, or the batch is longer than ``most_bytes``.
        """
        link = self._link
        if link is None:
            raise SinkUnavailableError("not connected")
        if len(batch.payload) > self.most_bytes:
            raise SinkRefusedError(
                f"{len(batch.payload)} bytes; {self.most_bytes} at most are taken"
            )
        crc = zlib.crc32(batch.payload)
        try:
            return self._exchange(
                link, self._batches, batch.payload, lambda told: self._judged(told, batch, crc)
            )
        except (SinkUnavailableError, SinkRefusedError):
            link.close()
            raise

    def close(self) -> None:
        """Disconnect; whoever waits for an answer is told."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _exchange(
        self, link: Link, topic: str, payload: bytes, found: Callable[[CursorMessage], T | None]
    ) -> T:
        """Publish, and wait until ``found`` finds what it looks for in what the receiver says."""
        link.heard.clear()
        expires_s = math.ceil(self._settings.timeout_s)
        packet = link.publish(topic, payload, expires_s=expires_s, content_type=CONTENT_TYPE)

        def look() -> T | None:
            while link.heard:
                heard = link.heard.popleft()
                told = None if heard.retained else _read(heard.payload)
                it = None if told is None else found(told)
                if it is not None:
                    return it
            return None

        def arrived() -> tuple[T | None] | None:
            """The broker has it, or the receiver was even faster."""
            code, it = link.answer(packet), look()
            if code == NOBODY and it is None:
                raise SinkUnavailableError(f"no receiver has subscribed to {topic}")
            return None if code is None and it is None else (it,)

        (early,) = link.wait(arrived, "PUBACK", len(payload))
        return link.wait(look, "answer of the receiver") if early is None else early

    def _told(self, told: CursorMessage) -> Cursor | None:
        return told.answer.cursor if told.epoch == self._stream.epoch else None

    def _judged(self, told: CursorMessage, batch: Batch, crc: int) -> Answer | None:
        """What a cursor message means for the batch under way; None: it is about something else."""
        header, answer = batch.header, told.answer
        if told.rejected is not None and told.rejected.crc == crc:
            raise SinkRefusedError(told.rejected.reason)
        if told.epoch != self._stream.epoch:
            return None
        if answer.cursor.seq >= header.last:
            ours = (row for row in answer.refused if header.first <= row.seq <= header.last)
            return replace(answer, refused=tuple(ours))
        if answer.cursor.seq != header.after:
            raise SinkGapError(*answer.cursor)
        return None

    def _wire(self) -> Wire:
        settings = self._settings
        return Wire(
            host=settings.host,
            port=mqtt_wire.port(settings),
            client_id=mqtt_wire.client_id(
                settings.client_id, settings, settings.topic, self._stream
            ),
            tls=mqtt_wire.tls(settings, (settings.alpn,) if settings.alpn else ()),
            five=settings.protocol == "5",
            username=settings.username,
            password=mqtt_wire.first_line(settings.password_file),
            keepalive_s=settings.keepalive_s,
            timeout_s=settings.timeout_s,
        )


def _read(payload: bytes) -> CursorMessage | None:
    """A cursor message; None for what somebody else published there."""
    try:
        return read_cursor_message(payload)
    except DecodeError:
        return None
