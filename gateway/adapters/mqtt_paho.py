"""paho-mqtt's client as one connection: connects once, tells by events, is driven from one thread.

A new object is made for each connection, so nothing that paho keeps (its out queue, half a packet,
an old password) can survive a reconnect. Callbacks only append to ``events``: an exception in a
callback would end the network thread while the client still looks connected.

``StockConnection`` needs paho's public interface alone; ``mqtt_fast`` is the one that is used.
"""

import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.adapters.mqtt_inbox import Inbox
from gateway.adapters.mqtt_properties import delayed, packed, wanted
from gateway.adapters.mqtt_secrets import password, tls_context
from gateway.adapters.mqtt_settings import Broker
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription


class Accepted(NamedTuple):
    """CONNACK."""

    code: int
    reason: str
    session_present: bool
    receive_maximum: int
    maximum_qos: int
    maximum_packet: int


class Granted(NamedTuple):
    """SUBACK."""

    packet_id: int
    codes: Sequence[int]
    reasons: Sequence[str]


class Settled(NamedTuple):
    """PUBACK, or a QoS 0 publish that left."""

    packet_id: int
    reason: str
    """Empty when the broker took it and somebody was there to get it."""


class Closed(NamedTuple):
    """The connection ended."""

    code: int
    reason: str
    by_broker: bool


Event = Accepted | Granted | Settled | Closed


def word(reason: ReasonCode) -> str:
    """A reason code's name as one word: ``no_matching_subscribers``."""
    return reason.getName().lower().replace(" ", "_").replace("-", "_")


class StockConnection(paho.Client):
    """One connection, by paho's public interface alone."""

    def __init__(
        self,
        broker: Broker,
        version: MQTTProtocolVersion,
        inbox: Inbox,
        epoch: int,
        clock: Callable[[], tuple[int, int]],
    ) -> None:
        """``clock`` gives (wall, monotonic) milliseconds."""
        five = version is MQTTProtocolVersion.MQTTv5
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=None if five else broker.fenced,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.events: deque[Event] = deque()
        self.has_news = False
        """Messages were added to an empty inbox."""
        self.broker = broker
        self.five = five
        self.connect_timeout = broker.connect_timeout_s
        self._inbox = inbox
        self._epoch = epoch
        self._clock = clock
        self.on_connect = self._accepted
        self.on_subscribe = self._granted
        self.on_publish = self._settled
        self.on_disconnect = self._closed
        self.on_message = self._message
        self.on_socket_open = self._tune

    def open(self, will: Outgoing | None, will_delay_s: int = 0) -> None:
        """Connect and send CONNECT; blocks up to the connect timeout.

        Raises:
            OSError: no connection, no TLS, or a file cannot be read.
            UnicodeError: the host name cannot be one, or the password file is not text.
        """
        broker = self.broker
        if broker.tls is not None:
            self.tls_set_context(tls_context(broker.tls))
        if broker.username:
            self.username_pw_set(broker.username, password(broker.password_file))
        if will is not None:
            given = delayed(will_delay_s) if self.five and will_delay_s else None
            self.will_set(will.topic, will.payload, will.qos, will.retain, given)
        if not self.five:
            self.connect(broker.host, broker.port, broker.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
        properties.SessionExpiryInterval = 0 if broker.fenced else broker.session_expiry_s
        properties.ReceiveMaximum = min(broker.receive_maximum, broker.max_pending, 65_535)
        self.connect(
            broker.host,
            broker.port,
            broker.keepalive_s,
            clean_start=broker.fenced,
            properties=properties,
        )

    def ask(self, subscriptions: Sequence[Subscription]) -> int:
        """SUBSCRIBE; the packet identifier its ``Granted`` will have."""
        wanted = [
            (s.filter, SubscribeOptions(qos=min(s.qos, 1)) if self.five else min(s.qos, 1))
            for s in subscriptions
        ]
        _, packet_id = self.subscribe(wanted)  # type: ignore[arg-type]  # a list of either kind
        return packet_id or 0

    def send(self, outgoing: Outgoing, qos: int, expires_s: float | None) -> int:
        """PUBLISH; its packet identifier, 0 when the connection is gone.

        Raises:
            ValueError: the topic has wildcards or is too long.
        """
        properties = wanted(outgoing, expires_s) if self.five else None
        info = self.publish(outgoing.topic, outgoing.payload, qos, outgoing.retain, properties)
        return 0 if info.rc is MQTTErrorCode.MQTT_ERR_NO_CONN else info.mid

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """PUBACK, in the order given."""
        for packet_id in packet_ids:
            self.ack(packet_id, 1)

    def hold(self) -> None:
        """Reading is paused by us, so the broker's silence means nothing."""

    def pending(self) -> bool:
        """Decrypted bytes wait that poll() cannot see."""
        sock = self.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def drop(self) -> None:
        """Close without a word, if it is not closed yet."""
        sock = self.socket()
        if sock is not None:
            sock.close()

    def _tune(self, _client: paho.Client, _userdata: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        timeout_ms = int(self.broker.user_timeout_s * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)

    def _accepted(
        self, _client: Any, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, given: Any
    ) -> None:
        self.events.append(
            Accepted(
                reason.value,
                word(reason),
                flags.session_present,
                getattr(given, "ReceiveMaximum", 65_535),
                getattr(given, "MaximumQoS", 2),
                getattr(given, "MaximumPacketSize", 268_435_455),
            )
        )

    def _granted(
        self, _client: Any, _userdata: Any, packet_id: int, codes: list[ReasonCode], _given: Any
    ) -> None:
        values = [code.value for code in codes]
        self.events.append(Granted(packet_id, values, [word(code) for code in codes]))

    def _settled(
        self, _client: Any, _userdata: Any, packet_id: int, reason: ReasonCode, _given: Any
    ) -> None:
        self.events.append(Settled(packet_id, word(reason) if reason.value else ""))

    def _closed(
        self, _client: Any, _userdata: Any, flags: DisconnectFlags, reason: ReasonCode, _given: Any
    ) -> None:
        by_broker = flags.is_disconnect_packet_from_server
        self.events.append(Closed(reason.value, word(reason), by_broker))

    def _message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        """One message by paho's own parser: every one without the fast path, else QoS 2 only."""
        at_ms, mono_ms = self._clock()
        qos, packet_id = message.qos, message.mid
        delivered = [packet_id] if qos == 1 else []
        if qos > 1:  # never asked for; another program left it in our session
            self.ack(packet_id, qos)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        too_large = len(message.payload) > self.broker.max_payload
        if not topic or too_large:
            self._inbox.counters["size" if too_large else "topic"] += 1
            self._inbox.add([], delivered, delivered)
            return
        receipt = self._epoch << 16 | packet_id if delivered else 0
        taken = Message(
            self.broker.name,
            topic,
            bytes(message.payload),
            qos,
            message.retain,
            message.dup,
            at_ms,
            mono_ms,
            receipt,
            packed(message),
        )
        self.has_news |= self._inbox.add([taken], delivered)
