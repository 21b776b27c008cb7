"""One connection to a broker for a thread that waits: connect, publish, hear, end.

paho's own thread keeps the connection alive while nothing is sent. A link is used once: whatever
goes wrong ends it, and a new one is made. So nothing that paho would send by itself after a
reconnect (its queue, what was in flight) can surprise anybody.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import SinkRefusedError, SinkUnavailableError
from gateway.sinks.mqtt_wire import Wire
from gateway.sinks.tls import context

T = TypeVar("T")
FAILURE = 128
"""Codes from here on are failures (MQTT 5, 2.4; 3.1.1, 3.9.3)."""
NOBODY = 0x10
"""PUBACK: the broker took it, and there was nobody to give it to."""
OVERHEAD = 64  # bytes of a PUBLISH of ours besides topic and payload, rounded up
SLOWEST = 1_000
"""Bytes a second of a slow line; a dead one ends by itself (TCP_USER_TIMEOUT)."""
_LARGEST = 268_435_455
_UNSUPPORTED = 0x84
_TAKEN = 0x8E
_TOO_LARGE = 0x95
_NEVER = frozenset({0x90, _TOO_LARGE, 0x99})
"""Reasons against a publish that stay so: topic name, size, payload format."""
_NO_RETAINED = 2


class Heard(NamedTuple):
    """A message that came."""

    payload: bytes
    retained: bool


class Link:
    """One connection, from ``open`` to ``close``; both may be called from any thread."""

    def __init__(self, wire: Wire) -> None:
        """Nothing happens yet."""
        self.heard: deque[Heard] = deque(maxlen=1_000)
        """Look at it within ``wait`` only."""
        self.maximum_packet = _LARGEST
        self.window = wire.window
        self._wire = wire
        self._news = threading.Condition()
        self._accepted = False
        self._granted: list[ReasonCode] | None = None
        self._answers: dict[int, int] = {}
        self._ended = ""
        self._ended_code = 0
        self._client: paho.Client | None = None

    def open(self) -> None:
        """Connect and be let in.

        Raises:
            SinkUnavailableError: no connection, no TLS, not let in, or a file cannot be read.
        """
        wire = self._wire
        client = self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=wire.client_id,
            clean_session=None if wire.five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if wire.five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = wire.timeout_s
        client.max_inflight_messages_set(wire.window)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_publish, client.on_disconnect = self._on_publish, self._on_disconnect
        client.on_message, client.on_socket_open = self._on_message, self._tune
        try:
            self._connect(client)
        except (OSError, UnicodeError, ValueError) as error:
            self.close()
            why = str(error) or type(error).__name__
            raise SinkUnavailableError(f"{wire.host}:{wire.port}: {why}") from error
        client.loop_start()
        self.wait(lambda: self._accepted or None, "answer to CONNECT")

    def subscribe(self, filter_: str) -> None:
        """Hear what is published from now on; what is retained is not asked for.

        Raises:
            SinkUnavailableError: it was not granted, or there is no connection.
        """
        if self._wire.five:
            live = SubscribeOptions(qos=1, retainHandling=_NO_RETAINED)
            self._up().subscribe(filter_, options=live)
        else:
            self._up().subscribe(filter_, 1)
        for reason in self.wait(lambda: self._granted, "SUBACK"):
            if reason.value >= FAILURE:
                raise SinkUnavailableError(f"subscribing to {filter_} is refused: {reason}")

    def publish(
        self, topic: str, payload: bytes, *, expires_s: int = 0, content_type: str = ""
    ) -> int:
        """PUBLISH with QoS 1; its packet identifier, to ask ``answer`` for.

        Raises:
            SinkRefusedError: the broker takes no packet of this size.
            SinkUnavailableError: there is no connection.
        """
        size, most = len(payload), self.maximum_packet
        if size + len(topic.encode()) + OVERHEAD > most:
            raise SinkRefusedError(f"{size} bytes: the broker takes packets of {most} at most")
        info = self._up().publish(topic, payload, 1, properties=self._said(expires_s, content_type))
        if info.rc is MQTTErrorCode.MQTT_ERR_NO_CONN:
            raise SinkUnavailableError(self._ended or "connection lost")
        return info.mid

    def answer(self, packet_id: int) -> int | None:
        """The code of a publish's PUBACK, once; None while there is none. Within ``wait`` only.

        Raises:
            SinkRefusedError: the broker will never take it.
            SinkUnavailableError: the broker did not take it.
        """
        code = self._answers.pop(packet_id, None)
        if code in _NEVER:
            raise SinkRefusedError(f"the broker refused a message: {_word(code)}")
        if code is not None and code >= FAILURE:
            raise SinkUnavailableError(f"the broker did not take a message: {_word(code)}")
        return code

    def wait(self, found: Callable[[], T | None], what: str, under_way: int = 0) -> T:
        """Wait until ``found`` finds something; ``under_way``: bytes that a slow line may carry.

        Raises:
            SinkRefusedError: the broker hung up since a packet was too large for it.
            SinkUnavailableError: the connection ended, or time did.
        """
        until = time.monotonic() + (patience_s := self._wire.timeout_s + under_way / SLOWEST)
        with self._news:
            while (it := found()) is None:
                if self._ended_code == _TOO_LARGE:
                    raise SinkRefusedError(self._ended)
                if self._ended:
                    raise SinkUnavailableError(self._ended)
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise SinkUnavailableError(f"no {what} within {patience_s:g} s")
                self._news.wait(left_s)
            return it

    def close(self) -> None:
        """End the connection; whoever waits is told."""
        self._end("closed")
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connect(self, client: paho.Client) -> None:
        wire = self._wire
        if wire.tls is not None:
            client.tls_set_context(context(wire.tls, wire.timeout_s))
        if wire.username or wire.password is not None:
            client.username_pw_set(wire.username, wire.password)
        clean: Any = True if wire.five else paho.MQTT_CLEAN_START_FIRST_ONLY
        client.connect(wire.host, wire.port, wire.keepalive_s, clean_start=clean)

    def _up(self) -> paho.Client:
        client = self._client
        if client is None or self._ended:
            raise SinkUnavailableError(self._ended or "not connected")
        return client

    def _said(self, expires_s: int, content_type: str) -> Properties | None:
        if not self._wire.five or not (expires_s or content_type):
            return None
        said = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
        if expires_s:
            said.MessageExpiryInterval = expires_s
        said.ContentType = content_type
        return said

    # paho's thread: an exception here would end it while the client still looks connected
    def _tune(self, _client: Any, _userdata: Any, sock: Any) -> None:
        timeout_ms = int(self._wire.timeout_s * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)

    def _on_connect(
        self, _client: Any, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, given: Any
    ) -> None:
        if reason.value:
            hint = "; set protocol: 3.1.1" if reason.value == _UNSUPPORTED else ""
            self._end(f"the broker did not let us in: {reason}{hint}")
            return
        with self._news:
            self.maximum_packet = getattr(given, "MaximumPacketSize", _LARGEST)
            self.window = min(self.window, getattr(given, "ReceiveMaximum", self.window))
            self._accepted = True
            self._news.notify_all()

    def _on_subscribe(
        self, _client: Any, _userdata: Any, _mid: int, reasons: list[ReasonCode], _given: Any
    ) -> None:
        with self._news:
            self._granted = reasons
            self._news.notify_all()

    def _on_publish(
        self, _client: Any, _userdata: Any, mid: int, reason: ReasonCode, _given: Any
    ) -> None:
        with self._news:
            self._answers[mid] = reason.value
            self._news.notify_all()

    def _on_message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        with self._news:
            self.heard.append(Heard(bytes(message.payload), message.retain))
            self._news.notify_all()

    def _on_disconnect(
        self, _client: Any, _userdata: Any, flags: DisconnectFlags, reason: ReasonCode, _given: Any
    ) -> None:
        who = "closed by the broker" if flags.is_disconnect_packet_from_server else "lost"
        hint = "; another client has our client id" if reason.value == _TAKEN else ""
        self._end(f"connection {who}: {reason}{hint}", reason.value)

    def _end(self, why: str, code: int = 0) -> None:
        """The first reason is the reason."""
        with self._news:
            if not self._ended:
                self._ended, self._ended_code = why, code
            self._news.notify_all()


def _word(code: int | None) -> str:
    return str(ReasonCode(PacketTypes.PUBACK, identifier=code or 0))
