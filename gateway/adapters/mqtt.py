"""A client of one broker: reconnects for ever, hands messages over in batches, tells every outcome.

One thread of its own owns the connection. Other threads leave word at the desk (receipts,
publishes, subscriptions) and wake it; what is urgent they send themselves, while it waits. Whoever
touches paho holds the session's lock.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from gateway.adapters.mqtt_desk import Desk
from gateway.adapters.mqtt_fast import connection_type
from gateway.adapters.mqtt_link import LinkState, Outcome
from gateway.adapters.mqtt_outbox import Sending
from gateway.adapters.mqtt_session import Session
from gateway.adapters.mqtt_settings import Broker, Tls
from gateway.adapters.mqtt_versions import Versions
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import SessionTakenError

__all__ = ["OFFLINE", "Broker", "Client", "LinkState", "Outcome", "Tls"]

OFFLINE = b"offline"
"""The will, and what a clean end says."""
STEADY_MS = 5_000
"""A connection that lasted this long was a good one: the next retry comes soon."""


def monotonic_ms() -> int:
    """The clock of durations, milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Client:
    """One broker, for as long as the daemon runs. Every method may be called from any thread.

    ``on_wake`` is called from the network thread whenever there is something new to look at: the
    first message to take, the first outcome to take, a changed state, a dead thread. It must be
    quick and must not raise.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        on_wake: Callable[[], None],
        wall_ms: Callable[[], int],
        mono_ms: Callable[[], int] = monotonic_ms,
        availability: str = "",
        will: Outgoing | None = None,
        will_delay_s: int = 0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``availability`` is the topic of will and birth; ``jitter`` gives numbers in [0, 1).

        ``will``: another will instead, published ``will_delay_s`` after the connection was lost
        (version 5; the session must last longer).

        Raises:
            ValueError: the broker's settings name no client id.
        """
        if not broker.client_id:
            raise ValueError(f"broker {broker.name}: a persistent session needs a client id")
        self.broker = broker
        self.failure: BaseException | None = None
        """Why the network thread ended by itself."""
        self._will, self._will_delay_s = will, will_delay_s
        self._desk = Desk(broker, availability, on_wake, mono_ms)
        self._wall_ms = wall_ms
        self._mono_ms = mono_ms
        self._jitter = jitter
        self._versions = Versions(broker.protocol)
        self._connection_type = connection_type()
        self._epoch = 0
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{broker.name}", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once, whether the broker is there or not."""
        self._thread.start()

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Declare the whole set: asked for at each connect, changed at once when connected.

        QoS 2 is asked for as 1. Refusals show in ``state.refused``; the rest works.
        """
        self._desk.wanted = tuple(subscriptions)
        self._desk.waker.set()

    def take(self) -> list[Message]:
        """Every message that waits, oldest first."""
        return self._desk.inbox.take()

    def acknowledge(self, receipts: Sequence[int]) -> None:
        """These messages are safe: PUBACK them, in order of arrival, as one write.

        Receipts of an earlier connection are dropped: the broker delivers those messages again.
        """
        self._desk.inbox.acknowledge(receipts)
        self._desk.waker.set()

    def publish(
        self,
        outgoing: Outgoing,
        *,
        expires_s: float | None = None,
        ticket: int,
        at_once: bool = False,
    ) -> None:
        """Send one message; its ``Outcome`` carries the ticket.

        On version 5 the broker drops it ``expires_s`` after we sent it; on any version we do not
        send it later than that. ``at_once``: by the calling thread, after what waits already; it
        never blocks, and the network thread does it where it has the connection.

        Raises:
            NotConnectedError: nothing was sent and nothing is kept.
        """
        expires = None if expires_s is None else self._mono_ms() + int(expires_s * 1000)
        self._desk.outbox.put(Sending(outgoing, ticket, expires))
        if not (at_once and self._desk.send_now()):
            self._desk.waker.set()

    def take_outcomes(self) -> list[Outcome]:
        """What became of publishes since the last call."""
        return self._desk.outbox.take()

    @property
    def state(self) -> LinkState:
        """How the connection stands."""
        return self._desk.state

    @property
    def counters(self) -> Mapping[str, int]:
        """Since the start: received, connected; dropped: overload, size, topic; stale_receipt."""
        return dict(self._desk.inbox.counters)

    def alive(self) -> bool:
        """The network thread runs; when it does not and nobody stopped it, see ``failure``."""
        return self.failure is None and self._thread.is_alive()

    def stop(self, farewell: bytes | None = OFFLINE, timeout_s: float = 4.0) -> None:
        """Finish what is under way, publish the farewell (retained), disconnect; blocks.

        None says nothing, and neither does the broker: a clean end suppresses the will.
        """
        self._desk.farewell = farewell
        self._desk.stopping = True
        self._desk.waker.set()
        if self._thread.ident is None:
            self._desk.waker.close()
        else:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._connect_for_ever()
        finally:
            self.failure = sys.exception() or self.failure
            self._desk.outbox.close()
            self._desk.waker.close()
            self._desk.change(connected=False, subscribed=False)
            self._desk.on_wake()

    def _connect_for_ever(self) -> None:
        failed = 0
        while not self._desk.stopping:
            session = self._connect_once()
            if session is not None and session.taken:
                self._desk.change(taken=True)
                if not self.broker.fenced:
                    self.failure = SessionTakenError(self._desk.state.last_error)
                return
            if self.broker.fenced:
                return
            if self._versions.learn(session):
                continue
            failed = 0 if self._was_steady(session) else failed + 1
            self._rest(failed)

    def _connect_once(self) -> Session | None:
        """One connection from beginning to end; None when it could not be made."""
        desk = self._desk
        self._epoch += 1
        desk.inbox.connect(self._epoch)
        version = self._versions.next()
        connection = self._connection_type(
            self.broker, version, desk.inbox, self._epoch, self._clock
        )
        topic = desk.availability
        will = Outgoing(topic, OFFLINE, 1, retain=True) if topic else self._will
        try:
            connection.open(will, self._will_delay_s)
        except (OSError, UnicodeError) as error:
            desk.change(last_error=str(error) or type(error).__name__)
            return None
        session = Session(connection, desk)
        session.run()
        lost = desk.outbox.close()
        desk.change(connected=False, subscribed=False, last_error=session.error)
        if lost:
            desk.on_wake()
        return session

    def _clock(self) -> tuple[int, int]:
        return self._wall_ms(), self._mono_ms()

    def _was_steady(self, session: Session | None) -> bool:
        since = session.accepted_mono_ms if session is not None else None
        return since is not None and self._mono_ms() - since >= STEADY_MS

    def _rest(self, failed: int) -> None:
        """Full jitter: many clients of one broker must not come back at the same moment."""
        broker = self.broker
        longest_s = min(broker.reconnect_max_s, broker.reconnect_min_s * 2 ** min(failed, 16))
        until = self._mono_ms() + int(self._jitter() * longest_s * 1000)
        while not self._desk.stopping and (left_ms := until - self._mono_ms()) > 0:
            self._desk.waker.wait(left_ms / 1000)
