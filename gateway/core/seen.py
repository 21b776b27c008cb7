"""Which messages were stored before: the keys that make a redelivery cost nothing.

Two kinds of key, both 63-bit integers kept beside each stored report:

* A bridge's own key (ChirpStack ``deduplicationId``) names the uplink, so a second one with the
  same key is a duplicate, whenever it comes.
* Without one, the packet identifier and a checksum of topic and payload name the delivery: a broker
  resends an unacknowledged QoS 1 message under the identifier of its first delivery (MQTT 5, 4.4).
  It counts only on a message flagged DUP, since equal values are normal otherwise; the flag alone
  proves nothing.

The memory is bounded: a broker can only resend what we had not acknowledged, which is far less.
"""

from collections import deque
from hashlib import blake2b
from zlib import crc32

from gateway.core.messages import Message

MEMORY = 20_000
"""Keys remembered; above the most messages that can be unacknowledged at once."""


def uplink_key(source: str, dedup: str) -> int:
    """Key of an uplink that has the bridge's own key."""
    digest = blake2b(f"{source}\0{dedup}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 | 1


def delivery_key(message: Message) -> int:
    """Key of one QoS 1 delivery; 0 when the message has no packet identifier."""
    packet_id = message.receipt & 0xFFFF
    if not packet_id:
        return 0
    return packet_id << 40 | crc32(message.payload, crc32(message.topic.encode())) << 8 | 1


class Seen:
    """The newest keys, oldest forgotten first."""

    def __init__(self, keys: list[int], memory: int = MEMORY) -> None:
        """Start from the keys of the newest stored reports, newest first."""
        self._memory = memory
        self._order = deque(reversed(keys[:memory]))
        self._keys = set(self._order)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: int, *, only_if_dup: bool, dup: bool) -> bool:
        """Remember a key; True when the message it names was stored before."""
        if key == 0:
            return False
        keys = self._keys
        if key in keys and (dup or not only_if_dup):
            return True
        if key not in keys:
            keys.add(key)
            self._order.append(key)
            if len(self._order) > self._memory:
                keys.discard(self._order.popleft())
        return False
