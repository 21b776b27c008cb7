"""The connection with buffered reads: half of paho's time goes into reading byte by byte.

It reads 64 KiB at a time and cuts PUBLISH packets itself; everything else is handed to paho as if
paho had read it. For that it needs a few private names of paho. Where a version does not have them,
``mqtt_paho.StockConnection`` does the same with stock callbacks.
"""

import struct
from collections.abc import Callable, Iterable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from gateway.adapters.mqtt_frames import FrameError, Frames
from gateway.adapters.mqtt_inbox import Inbox
from gateway.adapters.mqtt_paho import StockConnection
from gateway.adapters.mqtt_settings import Broker

READ_BYTES = 65_536
_PUBACK = 0x40
PRIVATE = (
    "_sock_recv",
    "_packet_handle",
    "_packet_queue",
    "_loop_rc_handle",
    "_in_packet",
    "_msgtime_mutex",
    "_last_bytes_received",
    "_ping_t",
)
"""What ``FastConnection`` uses of paho beyond its public interface."""


class FastConnection(StockConnection):
    """The same, with buffered reads and batched acknowledgements."""

    def __init__(
        self,
        broker: Broker,
        version: MQTTProtocolVersion,
        inbox: Inbox,
        epoch: int,
        clock: Callable[[], tuple[int, int]],
    ) -> None:
        super().__init__(broker, version, inbox, epoch, clock)
        self._frames = Frames(
            broker.name, epoch, properties=self.five, max_payload=broker.max_payload
        )

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read once and handle every packet that is complete."""
        del max_packets
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = paho.time_func()
        try:
            self._frames.feed(data, *self._clock())
        except FrameError:
            self._hand_over()
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)
        return self._hand_over()

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """PUBACK, as one buffer: each is 0x40, the length 2, the identifier (3.4)."""
        acks = [0x40020000 | packet_id for packet_id in packet_ids]
        if acks:
            packed = struct.pack(f">{len(acks)}I", *acks)
            self._packet_queue(_PUBACK, packed, acks[0] & 0xFFFF, 1)

    def hold(self) -> None:
        """The answer to our ping may wait behind messages that we do not read yet."""
        self._ping_t = 0.0
        self._last_bytes_received = paho.time_func()

    def _hand_over(self) -> MQTTErrorCode:
        frames, inbox = self._frames, self._inbox
        if frames.messages or frames.delivered or frames.dropped:
            inbox.counters.update(frames.dropped)
            self.has_news |= inbox.add(frames.messages, frames.delivered, frames.poison)
        control = frames.control
        frames.reset()
        for command, body in control:
            rc = self._control(command, body)
            if rc:
                return self._loop_rc_handle(rc)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _control(self, command: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle a packet as if it had read it."""
        self._in_packet = {
            "command": command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


def missing() -> list[str]:
    """Private names that this version of paho does not have."""
    probe = paho.Client(CallbackAPIVersion.VERSION2)
    return [name for name in PRIVATE if not hasattr(probe, name)]


def connection_type() -> type[StockConnection]:
    """The fast connection where paho allows it."""
    return StockConnection if missing() else FastConnection
