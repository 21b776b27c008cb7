"""The plant on a broker: every radio behind its own MQTT client, as bridges are.

The clients speak MQTT 3.1.1, which Zigbee2MQTT and The Things Stack do by default and every broker
knows. paho's threads only put what they hear into queues: plant and radios belong to the caller.
"""

from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue
from threading import Event
from typing import Generic, Protocol, TypeVar

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.core.ports import Outgoing
from gateway.errors import NotConnectedError

SUBSCRIBED_WITHIN_S = 10.0


class Radio(Protocol):
    """A radio network and its bridge, without the MQTT client."""

    noise: dict[str, int]
    """What went wrong on purpose, counted."""

    @property
    def filters(self) -> tuple[str, ...]:
        """What the bridge subscribes to."""

    @property
    def will(self) -> Outgoing | None:
        """What the broker says when the bridge is lost."""

    def birth(self, now_ms: int) -> Iterator[Outgoing]:
        """What is published at the start."""

    def tick(self, now_ms: int) -> Iterator[Outgoing]:
        """What is due."""

    def hear(self, topic: str, payload: bytes) -> Iterator[Outgoing]:
        """Obey a command."""

    def death(self) -> Iterator[Outgoing]:
        """What is published at an orderly stop."""


class Living(Protocol):
    """What is simulated behind the radios."""

    def step(self, dt_s: float) -> None:
        """Let so many seconds pass."""


Behind = TypeVar("Behind", bound=Living)


class Link:
    """One MQTT client: publishes, and keeps what it hears until asked."""

    def __init__(self, name: str, filters: tuple[str, ...], will: Outgoing | None = None) -> None:
        self.name = name
        self.published = 0
        self._filters = filters
        self._heard: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._subscribed = Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"demo-{name}")
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message
        if will:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)

    def start(self, host: str, port: int, within_s: float = SUBSCRIBED_WITHIN_S) -> None:
        """Connect and subscribe.

        Raises:
            NotConnectedError: the broker did not take the subscriptions in time.
        """
        self._client.connect_async(host, port, keepalive=15)
        self._client.loop_start()
        if not self._subscribed.wait(within_s):
            self.stop()
            raise NotConnectedError(f"{self.name}: no broker answers at {host}:{port}")

    def publish(self, message: Outgoing) -> None:
        """Publish; what cannot be sent now is lost, as with the real bridges."""
        self._client.publish(message.topic, message.payload, message.qos, message.retain)
        self.published += 1

    def heard(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of everything that came since the last time."""
        while True:
            try:
                yield self._heard.get_nowait()
            except Empty:
                return

    def stop(self) -> None:
        """Send what is queued, disconnect, end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del userdata, flags, properties
        if not code.is_failure:
            client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def _message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        del client, userdata
        self._heard.put((message.topic, bytes(message.payload)))


class Site(Generic[Behind]):
    """A plant, its radios, and a link for each of them."""

    def __init__(self, plant: Behind, radios: Mapping[str, Radio]) -> None:
        self.plant = plant
        self._radios = [
            (radio, Link(name, radio.filters, radio.will)) for name, radio in radios.items()
        ]

    @property
    def published(self) -> int:
        """Messages so far."""
        return sum(link.published for _, link in self._radios)

    @property
    def noise(self) -> dict[str, int]:
        """What went wrong on purpose so far, by kind."""
        total: dict[str, int] = {}
        for radio, _ in self._radios:
            for kind, number in radio.noise.items():
                total[kind] = total.get(kind, 0) + number
        return total

    def start(self, host: str, port: int, now_ms: int) -> None:
        """Connect every radio and let it announce itself.

        Raises:
            NotConnectedError: there is no broker.
        """
        for radio, link in self._radios:
            link.start(host, port)
            for message in radio.birth(now_ms):
                link.publish(message)

    def step(self, dt_s: float, now_ms: int) -> None:
        """Let ``dt_s`` pass in the plant; obey what was heard, publish what is due."""
        self.plant.step(dt_s)
        for radio, link in self._radios:
            for topic, payload in link.heard():
                for message in radio.hear(topic, payload):
                    link.publish(message)
            for message in radio.tick(now_ms):
                link.publish(message)

    def stop(self) -> None:
        """Stop every radio in an orderly way."""
        for radio, link in self._radios:
            for message in radio.death():
                link.publish(message)
            link.stop()
