"""Listening at a broker for a while: what was said, kept within bounds, by topic."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.adapters.mqtt import Broker, Client
from gateway.core.messages import Message
from gateway.core.ports import Subscription
from gateway.errors import NotConnectedError

TOPICS: Final = 5_000
EACH: Final = 8
"""Messages kept of a topic, the newest: a device with several sensors may say one at a time."""
LARGEST: Final = 4_194_304
"""A registry of hundreds of devices has megabytes."""
CONNECT_S: Final = 15.0
LOOK_S: Final = 0.05
TOPICS_OF_BRIDGES: Final = (
    *("zigbee2mqtt/#", "application/+/device/+/event/+", "v3/+/devices/+/up"),
    *("tele/#", "stat/#"),
)
"""Where a broker refuses ``#``."""

Tell = Callable[[float, int, int], None]
"""Called now and then with the seconds that are left, messages and topics so far."""


@dataclass(slots=True)
class Heard:
    """What one broker said."""

    messages: int = 0
    left_out: int = 0
    """Too large, or of more topics than are kept."""
    refused: bool = False
    """It does not let us hear everything."""
    protocol: str = ""
    topics: dict[str, deque[Message]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """How often each topic was heard while we listened, what is retained not counted."""

    def take(self, message: Message) -> None:
        """Keep a message, within the bounds."""
        self.messages += 1
        known = message.topic in self.topics
        if len(message.payload) > LARGEST or (not known and len(self.topics) >= TOPICS):
            self.left_out += 1
            return
        self.topics.setdefault(message.topic, deque(maxlen=EACH)).append(message)
        if not message.retain:
            self.counts[message.topic] = self.counts.get(message.topic, 0) + 1

    def in_order(self) -> Iterator[Message]:
        """What is kept: what bridges say about themselves first, the rest as it came."""
        kept = [message for messages in self.topics.values() for message in messages]
        registry = {"info": 0, "devices": 1}
        yield from sorted(
            kept,
            key=lambda one: (
                registry.get(one.topic.rpartition("/bridge/")[2], 2),
                one.received_mono_ms,
            ),
        )


def listen(broker: Broker, for_s: float, tell: Tell) -> Heard:
    """Hear everything that the broker lets us hear; an interrupt ends it early.

    Raises:
        NotConnectedError: the broker does not let us in.
    """
    own = replace(broker, client_id=f"edge-init-{os.urandom(6).hex()}", session_expiry_s=0)
    client = Client(own, on_wake=lambda: None, wall_ms=lambda: time.time_ns() // 1_000_000)
    client.subscribe([Subscription("#")])
    client.start()
    try:
        return _listen(client, for_s, tell)
    finally:
        client.stop(farewell=None)


def _listen(client: Client, for_s: float, tell: Tell) -> Heard:
    _connect(client)
    heard = Heard(protocol=client.state.protocol, refused=bool(client.state.refused))
    if heard.refused:
        client.subscribe([Subscription(one) for one in TOPICS_OF_BRIDGES])
    until = time.monotonic() + for_s
    try:
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_S, left))
            _take(client, heard)
            tell(left, heard.messages, len(heard.topics))
    except KeyboardInterrupt:
        pass  # whoever has seen enough goes on with that
    _take(client, heard)
    return heard


def _connect(client: Client) -> None:
    until = time.monotonic() + CONNECT_S
    while not client.state.subscribed:
        if time.monotonic() > until or (client.state.last_error and not client.state.connected):
            why = client.state.last_error or "no answer"
            raise NotConnectedError(f"{client.broker.host}:{client.broker.port}: {why}")
        time.sleep(LOOK_S)


def _take(client: Client, heard: Heard) -> None:
    messages = client.take()
    client.acknowledge([one.receipt for one in messages if one.receipt])
    for message in messages:
        heard.take(message)
