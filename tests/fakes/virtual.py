"""A loop whose time is made: it jumps to the next timer instead of waiting; and a broker within it.

Everything of the daemon but its network threads runs on it as it is. Blocking work is done at once,
and its answer comes after a while that chance says, as from a slow card.
"""

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from gateway.adapters.mqtt import LinkState, Outcome
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import NotConnectedError

DROPPED_S = 40.0
"""A connection that the network dropped is noticed this late, at most."""


class StuckError(Exception):
    """Nothing will ever happen any more."""


class _Selector(selectors.SelectSelector):
    """Waits in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise StuckError
            self.time_s += max(0.0, timeout)
        return ready


class Loop(asyncio.SelectorEventLoop):
    """Virtual time; executors do their work at once."""

    def __init__(self, chance: random.Random, slow_s: Callable[[], float]) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)
        self._clock_resolution = 1e-6
        self.chance, self._slow_s = chance, slow_s

    def time(self) -> float:
        return self._clock.time_s

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        del executor
        future = self.create_future()
        try:
            found = func(*args)
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits
            self.call_later(self._slow_s(), _tell, future.set_exception, future, error)
        else:
            self.call_later(self._slow_s(), _tell, future.set_result, future, found)
        return future


def _tell(how: Callable[[Any], None], future: "asyncio.Future[Any]", what: object) -> None:
    if not future.done():
        how(what)


class Broker:
    """A broker with retained messages, one persistent session, and a bad network in front of it."""

    def __init__(self, loop: Loop, heard: Callable[[Outgoing], None]) -> None:
        """``heard`` is told what the gateway published, when the broker has it."""
        self.loop, self._heard = loop, heard
        self.retained: dict[str, tuple[bytes, int]] = {}
        self.client: Client | None = None
        self._session: deque[tuple[str, bytes, int, bool]] = deque()
        """QoS 1 messages that were not acknowledged, with whether they were delivered before."""
        self.up = True

    def publish(self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False) -> None:
        """Somebody else publishes."""
        if retain:
            self.retained[topic] = payload, qos
        if self.client is not None and self.client.state.connected:
            self._deliver(topic, payload, qos, dup=False)
        elif qos:
            self._session.append((topic, payload, qos, False))

    def _deliver(self, topic: str, payload: bytes, qos: int, *, dup: bool) -> None:
        if qos:
            self._session.append((topic, payload, qos, True))
        if self.client is not None:
            self.client.arrive(topic, payload, qos, retain=False, dup=dup)

    def acknowledge(self, count: int) -> None:
        """The first so many are safe."""
        for _ in range(min(count, len(self._session))):
            self._session.popleft()

    def connect(self, client: "Client") -> None:
        """A connection: what is retained comes, then what was queued."""
        self.client = client
        for topic, (payload, qos) in self.retained.items():
            client.arrive(topic, payload, qos, retain=True, dup=False, kept=True)
        queued, self._session = list(self._session), deque()
        for topic, payload, qos, before in queued:
            self._deliver(topic, payload, qos, dup=before)

    def take(self, outgoing: Outgoing) -> None:
        """The gateway's message arrived."""
        if outgoing.retain:
            self.retained[outgoing.topic] = outgoing.payload, outgoing.qos
            if not outgoing.payload:
                del self.retained[outgoing.topic]
        if self.client is not None and "/pulse/" in outgoing.topic:
            self._deliver(outgoing.topic, outgoing.payload, outgoing.qos, dup=False)
        self._heard(outgoing)


class Client:
    """Stands for ``adapters.mqtt.Client``, without a thread."""

    world: "Callable[[], tuple[Loop, Broker, Callable[[Outgoing], None]]]"
    """The loop, the broker, and who is told what leaves the gateway, the moment it does."""

    def __init__(
        self,
        broker: Any,
        *,
        on_wake: Callable[[], None],
        wall_ms: Callable[[], int],
        mono_ms: Callable[[], int],
        **_more: Any,
    ) -> None:
        self.broker, self._on_wake = broker, on_wake
        self._wall_ms, self._mono_ms = wall_ms, mono_ms
        self.failure: BaseException | None = None
        self.state = LinkState()
        self.counters: dict[str, int] = {}
        self._inbox: list[Message] = []
        self._outcomes: list[Outcome] = []
        self._waiting: dict[int, None] = {}
        self._dead = False
        self._sessions = 0
        self._loop, self._hub, self._leaves = Client.world()

    def start(self) -> None:
        self._loop.call_later(0.01, self.connect)

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        del subscriptions

    def connect(self) -> None:
        """Try to connect, again and again."""
        if self._dead or self.state.connected:
            return
        if not self._hub.up:
            self._loop.call_later(1.0, self.connect)
            return
        self.state = LinkState(
            connected=True,
            subscribed=True,
            protocol="5",
            since_mono_ms=self._mono_ms(),
            session_present=self._sessions > 0 or bool(self._hub._session),
        )
        self._sessions += 1
        self._on_wake()
        self._hub.connect(self)

    def drop(self) -> None:
        """The connection is gone, and it is noticed; what was not answered is lost."""
        if not self.state.connected:
            return
        if self._hub.client is self:
            self._hub.client = None
        self.state = LinkState(since_mono_ms=self._mono_ms(), last_error="gone")
        self._inbox.clear()
        for ticket in list(self._waiting):
            self._settle(ticket, "lost")
        self._on_wake()
        self._loop.call_later(self._loop.chance.uniform(0.1, 3), self.connect)

    def kill(self) -> None:
        """The process is gone."""
        self._dead = True
        if self._hub.client is self:
            self._hub.client = None

    def arrive(
        self, topic: str, payload: bytes, qos: int, *, retain: bool, dup: bool, kept: bool = False
    ) -> None:
        """A message comes from the broker, after a while."""
        if self._dead:
            return
        del kept
        message = Message(
            self.broker.name, topic, payload, qos, retain, dup, self._wall_ms(), self._mono_ms()
        )
        if qos and not retain:
            message = message._replace(receipt=1)
        self._inbox.append(message)
        self._on_wake()

    def take(self) -> list[Message]:
        taken, self._inbox = self._inbox, []
        return taken

    def acknowledge(self, receipts: Sequence[int]) -> None:
        if not self._dead:
            self._hub.acknowledge(len(receipts))

    def publish(self, outgoing: Outgoing, *, ticket: int, **_rest: Any) -> None:
        if self._dead or not self.state.connected:
            raise NotConnectedError("not connected")
        self._leaves(outgoing)
        self._waiting[ticket] = None
        fate, chance = self._loop.chance.random(), self._loop.chance
        late = chance.uniform(0.001, 0.3)
        if fate < 0.995 or "/set" not in outgoing.topic:
            self._loop.call_later(late, self._hub.take, outgoing)
            self._loop.call_later(late * 2, self._settle, ticket, "")
            return
        if fate < 0.9975:  # it arrives, and its PUBACK does not
            self._loop.call_later(late, self._hub.take, outgoing)
        self._loop.call_later(chance.uniform(0, DROPPED_S), self.drop)

    def _settle(self, ticket: int, reason: str) -> None:
        if ticket in self._waiting and not self._dead:
            del self._waiting[ticket]
            self._outcomes.append(Outcome(ticket, not reason, reason))
            self._on_wake()

    def take_outcomes(self) -> list[Outcome]:
        told, self._outcomes = self._outcomes, []
        return told

    def alive(self) -> bool:
        return not self._dead

    def stop(self, *_rest: Any) -> None:
        self.kill()
