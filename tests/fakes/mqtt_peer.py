"""The other side of a broker: a plain client, and a gateway client under test with its harness."""

import threading
import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.adapters.mqtt import Broker, Client, Outcome
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from tests.fakes.waiting import PATIENCE_S, wait_until


class Peer:
    """Somebody else on the same broker."""

    def __init__(self, port: int, *filters: str, **credentials: str) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"peer-{uuid4().hex[:8]}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        if credentials:
            self._client.username_pw_set(credentials["username"], credentials.get("password"))
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, m: self.heard.append(
            (m.topic, m.payload, m.retain)
        )
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if filters:
            wait_until(self._client.is_connected, "the peer is connected")
            self._client.subscribe([(filter_, 1) for filter_ in filters])
            assert self._subscribed.wait(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # Else the garbage collector may meet its pair of sockets first, and warn.
        self._client._reset_sockets()

    def publish(
        self, topic: str, payload: bytes | str = b"x", qos: int = 1, *, retain: bool = False
    ) -> None:
        """Publish and wait until the broker has it."""
        self._client.publish(topic, payload, qos, retain).wait_for_publish(10)

    def flood(self, topic: str, count: int, qos: int = 1) -> None:
        """Publish numbers; the broker has them all when this returns."""
        infos = [self._client.publish(topic, str(i), qos) for i in range(count)]
        infos[-1].wait_for_publish(60)


class Gateway:
    """A client under test: collects what it hands over."""

    def __init__(self, port: int, *filters: str, jitter: float = 0.02, **settings: Any) -> None:
        settings.setdefault("client_id", f"gateway-{uuid4().hex[:8]}")
        self.availability = settings.pop("availability", "")
        self.broker = Broker("local", settings.pop("host", "127.0.0.1"), port, **settings)
        self.woken = threading.Event()
        self.wakes = 0
        self.messages: list[Message] = []
        self.outcomes: list[Outcome] = []
        self.client = Client(
            self.broker,
            on_wake=self._wake,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            availability=self.availability,
            jitter=lambda: jitter,
        )
        self.client.subscribe([Subscription(filter_) for filter_ in filters])

    def __enter__(self) -> Self:
        self.client.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(RuntimeError):  # never started
            self.client.stop()

    def ready(self, deadline_s: float = PATIENCE_S) -> Self:
        """Wait until it is connected and subscribed."""
        wait_until(lambda: self.client.state.subscribed, "subscribed", deadline_s)
        return self

    def away(self, deadline_s: float = PATIENCE_S) -> None:
        """Wait until it has noticed that the connection is gone."""
        wait_until(lambda: not self.client.state.connected, "disconnected", deadline_s)

    def hears(
        self, count: int, *, acknowledge: bool = True, deadline_s: float = PATIENCE_S
    ) -> list[str]:
        """Wait for that many messages in all; their payloads."""

        def enough() -> bool:
            taken = self.client.take()
            self.messages += taken
            if acknowledge and taken:
                self.client.acknowledge([message.receipt for message in taken])
            return len(self.messages) >= count

        wait_until(enough, f"{count} messages", deadline_s)
        return [message.payload.decode() for message in self.messages]

    def takes(self, count: int) -> None:
        """Wait for that many messages in all, whatever their bytes; they stay unacknowledged."""
        wait_until(
            lambda: self.messages.extend(self.client.take()) or len(self.messages) >= count,
            f"{count} messages",
        )

    def publishes(self, topic: str, payload: bytes = b"x", ticket: int = 1, **more: Any) -> Outcome:
        """Publish and wait for the outcome."""
        expires_s = more.pop("expires_s", None)
        self.client.publish(Outgoing(topic, payload, **more), expires_s=expires_s, ticket=ticket)
        return self.outcome(ticket)

    def outcome(self, ticket: int) -> Outcome:
        """Wait for the outcome of one publish."""

        def told() -> list[Outcome]:
            self.outcomes += self.client.take_outcomes()
            return [outcome for outcome in self.outcomes if outcome.ticket == ticket]

        wait_until(told, f"outcome {ticket}")
        assert Counter(outcome.ticket for outcome in self.outcomes)[ticket] == 1
        return told()[0]

    def _wake(self) -> None:
        self.wakes += 1
        self.woken.set()
