"""Bytes from a broker -> messages and control packets.

The form of a PUBLISH is OASIS MQTT 3.1.1 section 3.3 and MQTT 5.0 section 3.3. Everything else is
handed on as it came. Splitting a read of 64 KiB here costs a third of reading byte by byte.
"""

from collections import Counter

from gateway.core.messages import Message

_PUBLISH = 0x30
_QOS_1 = 0x02
_QOS_2 = 0x04
_DUP = 0x08
_HEADER_MAX = 5 + 2 + 65_535 + 2 + 4
"""Fixed header, topic, packet identifier, length of the properties: enough to refuse a PUBLISH."""


class FrameError(ValueError):
    """The stream is not MQTT: the connection must end."""


def varint(data: bytes, at: int) -> tuple[int, int] | None:
    """Read a variable byte integer: (value, next position); None when bytes are missing.

    Raises:
        FrameError: it is longer than four bytes.
    """
    value = shift = 0
    for position in range(at, min(at + 4, len(data))):
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004  # the top bit says that another byte follows
            return value, position + 1
        shift += 7
    if len(data) >= at + 4:
        raise FrameError("a length of more than four bytes")
    return None


class Frames:
    """Cuts one connection's bytes into packets; what it found since ``reset`` is in its lists."""

    def __init__(self, broker: str, epoch: int, *, properties: bool, max_payload: int) -> None:
        """``properties``: the connection speaks version 5; ``epoch`` makes receipts unique."""
        self._broker = broker
        self._receipt = epoch << 16
        self._properties = properties
        self._max_payload = max_payload
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2
        self._skip = 0
        self.reset()

    def reset(self) -> None:
        """Start new lists; the old ones belong to whoever took them."""
        self.messages: list[Message] = []
        self.control: list[tuple[int, bytes]] = []
        """First byte and body of each packet that is no PUBLISH, and of each with QoS 2."""
        self.delivered: list[int] = []
        """Packet identifiers of QoS 1, in order of arrival, poison included."""
        self.poison: list[int] = []
        """Those of them that gave no message: they must be acknowledged all the same."""
        self.dropped: Counter[str] = Counter()

    def feed(self, data: bytes, at_ms: int, mono_ms: int) -> None:
        """Take what one read gave.

        Raises:
            FrameError: the bytes are not MQTT.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return
            data = b"".join(self._parts)
        used = self._cut(data, at_ms, mono_ms)
        rest = data[used:] if used < len(data) else b""
        self._have = len(rest)
        self._parts = [rest] if rest else []

    def _cut(self, data: bytes, at_ms: int, mono_ms: int) -> int:
        """Take every whole packet; how many bytes were used."""
        position, end, limit = 0, len(data), self._max_payload
        publish = self._publish
        while end - position >= 2:  # noqa: PLR2004  # command and at least one byte of length
            command, size, start = data[position], data[position + 1], position + 2
            if size & 128:
                length = varint(data, position + 1)
                if length is None:
                    break
                size, start = length
            stop = start + size
            if size > limit and command & 0xF0 == _PUBLISH:
                refused = self._refuse(data, command, start, stop)
                if refused < 0:
                    self._need = min(stop - position, _HEADER_MAX)
                    return position
                if refused:
                    position = refused
                    continue
            if stop > end:
                self._need = stop - position
                return position
            if command & 0xF4 == _PUBLISH:
                publish(data, command, start, stop, at_ms, mono_ms)
            else:
                self.control.append((command, data[start:stop]))
            position = stop
        self._need = end - position + 1
        return position

    def _publish(
        self, data: bytes, command: int, start: int, stop: int, at_ms: int, mono_ms: int
    ) -> None:
        """Take one PUBLISH of QoS 0 or 1; the hot path."""
        name_end = (
            start + 2 + (data[start] << 8 | data[start + 1]) if stop > start + 1 else stop + 1
        )
        body, packet_id, properties = name_end, 0, b""
        if command & _QOS_1:
            body += 2
            packet_id = data[name_end] << 8 | data[name_end + 1] if body <= stop else 0
        if self._properties and body < stop:
            if data[body]:
                skip = varint(data, body)
                body = sum(skip) if skip else stop + 1
                properties = data[skip[1] : body] if skip else b""
            else:
                body += 1
        if body > stop:
            raise FrameError("a PUBLISH shorter than its fields")
        receipt = 0
        if packet_id:
            self.delivered.append(packet_id)
            receipt = self._receipt | packet_id
        try:
            topic = data[start + 2 : name_end].decode()
        except UnicodeDecodeError:
            topic = ""
        if not topic:  # or an alias, which we did not offer
            self._poison("topic", packet_id)
            return
        qos, retain, dup = receipt and 1, command & 1 == 1, command & _DUP == _DUP
        payload = data[body:stop]
        self.messages.append(
            Message._make(
                (
                    *(self._broker, topic, payload, qos, retain),
                    *(dup, at_ms, mono_ms, receipt, properties),
                )
            )
        )

    def _poison(self, reason: str, packet_id: int) -> None:
        self.dropped[reason] += 1
        if packet_id:
            self.poison.append(packet_id)

    def _refuse(self, data: bytes, command: int, start: int, stop: int) -> int:
        """Skip a PUBLISH whose payload is too large: the position after what is here of it.

        0 when its payload is within the limit after all; -1 when more of it must be read first.
        """
        if start + 2 > len(data):
            return -1
        name_end = start + 2 + (data[start] << 8 | data[start + 1])
        body = name_end + 2 if command & (_QOS_1 | _QOS_2) else name_end
        if body > len(data):
            return -1
        if self._properties:
            skip = varint(data, body)
            if skip is None:
                return -1
            body = sum(skip)
        if stop - body <= self._max_payload or command & _QOS_2:
            return 0
        packet_id = data[name_end] << 8 | data[name_end + 1] if command & _QOS_1 else 0
        if packet_id:
            self.delivered.append(packet_id)
        self._poison("size", packet_id)
        self._skip = max(0, stop - len(data))
        return min(stop, len(data))
