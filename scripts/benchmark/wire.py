"""As much MQTT 3.1.1 as a load needs: prebuilt packets over a raw socket, which cost little."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing

CONNACK_BYTES, SUBACK_BYTES, PUBACK_BYTES = 4, 5, 4
PUBLISH = 0x30


def packet(command: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, low = divmod(size, 128)
        length.append(low | 128 if size else low)
        if not size:
            return bytes([command]) + bytes(length) + body


def text(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    """A PUBLISH of QoS 1."""
    return packet(PUBLISH | 2, text(topic) + struct.pack(">H", packet_id) + payload)


def retain(port: int, topic: str, payload: bytes) -> None:
    """Leave a message with the broker."""
    with closing(dial(port, "retain")) as sock:
        sock.sendall(packet(PUBLISH | 3, text(topic) + b"\x00\x01" + payload))
        exactly(sock, PUBACK_BYTES)


def dial(port: int, client_id: str) -> socket.socket:
    """Connect with a clean session and no keepalive."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(client_id)))
    exactly(sock, CONNACK_BYTES)
    return sock


def subscribe(sock: socket.socket, topic: str) -> None:
    """QoS 0, so that nothing has to be answered."""
    sock.sendall(packet(0x82, b"\x00\x01" + text(topic) + b"\x00"))
    exactly(sock, SUBACK_BYTES)


def arrivals(sock: socket.socket) -> Iterator[tuple[float, str, bytes]]:
    """(time of arrival, topic, payload) of QoS 0 messages, until the socket is closed."""
    buffer = b""
    while data := sock.recv(65_536):
        now = time.perf_counter()
        buffer += data
        while (found := cut(buffer)) is not None:
            command, body, buffer = found
            if command & 0xF0 == PUBLISH:
                end = 2 + int.from_bytes(body[:2], "big")
                yield now, body[2:end].decode(), body[end:]


def cut(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """First byte and body of the first packet, and the rest; None while it is not whole."""
    size = 0
    for i, byte in enumerate(buffer[1:5]):
        size |= (byte & 127) << 7 * i
        if byte < 128:
            stop = 2 + i + size
            return (buffer[0], buffer[2 + i : stop], buffer[stop:]) if len(buffer) >= stop else None
    return None


def exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("the broker closed the connection")
        data += part
    return data
