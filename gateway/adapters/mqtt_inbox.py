"""The bounded hand-off from the network thread to the daemon, and what is not acknowledged yet."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from gateway.core.messages import Message

_PACKET_ID = 0xFFFF


class Inbox:
    """Messages wait here until they are taken, receipts until they are acknowledged.

    The drop rule: beyond ``limit`` messages not taken, the oldest QoS 0 message is dropped and
    counted as ``overload``. QoS 1 is never dropped: at ``unacked`` unacknowledged messages the
    network thread stops reading, so the broker's own queue takes over. The broker was asked to send
    no more than that; mosquitto 2.0.11 does, and old messages would wait here for long.
    """

    def __init__(self, limit: int, unacked: int | None = None) -> None:
        self._limit = limit
        self._most_unacked = limit if unacked is None else min(limit, unacked)
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._epoch = 0
        self._unacked: dict[int, bool] = {}
        """Packet identifier -> acknowledged by the daemon, in order of arrival."""
        self._stale = 0
        """QoS 1 messages of older connections that nobody has taken yet."""
        self.counters: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Reading must stop."""
        return len(self._unacked) + self._stale >= self._most_unacked

    def connect(self, epoch: int) -> None:
        """A new connection begins: what was unacknowledged will be delivered again."""
        with self._lock:
            self._epoch = epoch
            self._unacked.clear()
            self._stale = sum(1 for message in self._messages if message.receipt)

    def add(
        self, messages: list[Message], delivered: Sequence[int], poison: Iterable[int] = ()
    ) -> bool:
        """Take what one read gave; True when there was nothing to take before."""
        with self._lock:
            waiting = self._messages
            was_empty = not waiting
            waiting += messages
            self._unacked.update(dict.fromkeys(delivered, False))
            for packet_id in poison:
                self._unacked[packet_id] = True
            self.counters["received"] += len(messages)
            if len(waiting) > self._limit:
                self._shed(len(waiting) - self._limit)
            return was_empty and bool(self._messages)

    def take(self) -> list[Message]:
        """Everything that waits, oldest first."""
        with self._lock:
            messages, self._messages = self._messages, []
            self._stale = 0
        return messages

    def acknowledge(self, receipts: Iterable[int]) -> None:
        """Mark messages as done; a receipt of an older connection means nothing any more."""
        with self._lock:
            unacked, epoch = self._unacked, self._epoch
            for receipt in receipts:
                packet_id = receipt & _PACKET_ID
                if receipt >> 16 == epoch and packet_id in unacked:
                    unacked[packet_id] = True
                elif receipt:
                    self.counters["stale_receipt"] += 1

    def due(self) -> list[int]:
        """Packet identifiers to acknowledge now: MQTT wants them in order of arrival (4.6)."""
        with self._lock:
            unacked = self._unacked
            done = list(takewhile(unacked.__getitem__, unacked))
            for packet_id in done:
                del unacked[packet_id]
        return done

    def _shed(self, excess: int) -> None:
        """Drop the oldest QoS 0 messages of those who have most, by the first topic level.

        So one bridge that floods does not push out what another one says.
        """
        waiting = Counter(_root(message) for message in self._messages if not message.qos)
        dropping = _shares(waiting, excess)
        kept: list[Message] = []
        for message in self._messages:
            root = "" if message.qos else _root(message)
            if not message.qos and dropping[root]:
                dropping[root] -= 1
                self.counters["overload"] += 1
            else:
                kept.append(message)
        self._messages = kept


def _root(message: Message) -> str:
    return message.topic.partition("/")[0]


def _shares(waiting: Counter[str], excess: int) -> Counter[str]:
    """How many of each are dropped, so that those who have most are left with equally many."""
    dropping: Counter[str] = Counter()
    for at, (_, most) in enumerate(ordered := waiting.most_common(), 1):
        less = ordered[at][1] if at < len(ordered) else 0
        step = min(most - less, -(-excess // at))
        for root, _ in ordered[:at]:
            share = min(step, excess)
            dropping[root] += share
            excess -= share
    return dropping
