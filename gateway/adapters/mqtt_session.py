"""One connection, from CONNECT to its end: waits in poll(), lets paho read and write, answers."""

import select
import threading
from collections.abc import Sequence

from gateway.adapters.mqtt_desk import Desk, nobody
from gateway.adapters.mqtt_outbox import Sending
from gateway.adapters.mqtt_paho import Accepted, Closed, Event, Granted, Settled, StockConnection
from gateway.core.ports import Outgoing, Subscription

ONLINE = b"online"
FILTERS_PER_SUBSCRIBE = 8
"""AWS IoT allows no more; elsewhere it costs nothing."""
LEAVE_MS = 2_000
"""How long a clean end waits for what is still unanswered."""
_FAILURE = 128
"""Reason codes from here on are failures (MQTT 5, 2.4; 3.1.1, 3.9.3)."""
_UNSUPPORTED = 0x84
_TAKEN = 0x8E
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Session:
    """What happens on one connection; ``run`` returns when it has ended."""

    def __init__(self, connection: StockConnection, desk: Desk) -> None:
        self.accepted_mono_ms: int | None = None
        """When the broker accepted us; None: it never did."""
        self.refused = False
        """The broker said no to CONNECT."""
        self.unsupported = False
        """It does not speak this protocol version."""
        self.mute = False
        """It did not answer CONNECT at all."""
        self.taken = False
        """Another client took our session over."""
        self.error = ""
        self._connection = connection
        self._desk = desk
        self._answer_by = desk.mono_ms() + int(desk.broker.connect_timeout_s * 1000)
        self._window = desk.broker.send_window
        self._maximum_qos = 2
        self._maximum_packet = 0
        self._declared: Sequence[Subscription] = ()
        self._asked: dict[int, Sequence[Subscription]] = {}
        self._denied: dict[str, str] = {}
        self._born = False
        self._leave_by: int | None = None
        self._left = False
        self._touching = threading.Lock()  # the connection; free while this thread waits

    def run(self) -> None:
        """Serve the connection until it ends."""
        connection, desk = self._connection, self._desk
        desk.send_now = self.send_now
        poll = select.poll()
        poll.register(desk.waker, select.POLLIN)
        timeout_ms = min(1000, desk.broker.keepalive_s * 250)
        with self._touching:
            while (sock := connection.socket()) is not None and not self._overdue():
                full = desk.inbox.full
                writing = select.POLLOUT if connection.want_write() else 0
                poll.register(sock, writing if full else writing | select.POLLIN)
                hidden = not full and connection.pending()
                ready = self._wait(poll, 0 if hidden else timeout_ms)
                happened = ready.get(sock.fileno(), 0)
                if desk.waker.fileno() in ready:
                    desk.waker.clear()
                if full:
                    connection.hold()
                if hidden or happened & _READABLE:
                    connection.loop_read()
                if happened & select.POLLOUT:
                    connection.loop_write()
                self._turn()
            desk.send_now = nobody
            self._hear()
            connection.drop()

    def _wait(self, poll: select.poll, timeout_ms: int) -> dict[int, int]:
        self._touching.release()
        try:
            return dict(poll.poll(timeout_ms))
        finally:
            self._touching.acquire()

    def send_now(self) -> bool:
        """Send what waits, from any thread; false where the session's own must go on with it."""
        if not self._touching.acquire(blocking=False):
            return False
        try:
            self._send()
            return not (self._connection.want_write() or self._connection.events)
        finally:
            self._touching.release()

    def _turn(self) -> None:
        """Everything that is to be done between two waits."""
        connection, desk = self._connection, self._desk
        self._hear()  # before the messages: whoever is woken by them finds the state they came in
        if connection.has_news:
            connection.has_news = False
            desk.on_wake()
        if connection.socket() is None:
            return
        connection.acknowledge(desk.inbox.due())
        if self.accepted_mono_ms is not None:
            if desk.wanted is not self._declared:
                self._subscribe()
            self._send()
        if desk.stopping:
            self._leave()
        connection.loop_misc()
        self._hear()  # what was written at once, a QoS 0 publish, is settled already

    def _hear(self) -> None:
        while events := self._connection.events:
            self._answer(events.popleft())

    def _answer(self, event: Event) -> None:
        match event:
            case Accepted(code=0):
                self._accepted(event)
            case Accepted(code, reason):
                self.refused = True
                self.unsupported = code == _UNSUPPORTED
                self.error = f"refused: {reason}"
            case Granted():
                self._granted(event)
            case Settled(packet_id, reason):
                if self._desk.outbox.settle(packet_id, reason):
                    self._desk.on_wake()
            case Closed():
                self._closed(event)

    def _accepted(self, event: Accepted) -> None:
        desk = self._desk
        self.accepted_mono_ms = desk.mono_ms()
        self._window = min(self._window, event.receive_maximum)
        self._maximum_qos = event.maximum_qos
        self._maximum_packet = event.maximum_packet
        desk.inbox.counters["connected"] += 1
        desk.outbox.open()
        desk.change(
            connected=True,
            subscribed=False,
            protocol="5" if self._connection.five else "3.1.1",
            session_present=event.session_present,
            last_error="",
            refused={},
        )
        self._subscribe()

    def _subscribe(self) -> None:
        """Declare what is wanted now; what is not wanted any more is given up."""
        before, wanted = self._declared, self._desk.wanted
        self._declared = wanted
        filters = {subscription.filter for subscription in wanted}
        gone = [s.filter for s in before if s.filter not in filters]
        if gone:
            self._connection.unsubscribe(gone)
        for filter_ in gone:
            self._denied.pop(filter_, None)
        new = [s for s in wanted if s not in before]
        for i in range(0, len(new), FILTERS_PER_SUBSCRIBE):
            part = new[i : i + FILTERS_PER_SUBSCRIBE]
            self._asked[self._connection.ask(part)] = part
        self._settle_subscriptions()

    def _granted(self, event: Granted) -> None:
        asked = self._asked.pop(event.packet_id, ())
        for subscription, code, reason in zip(asked, event.codes, event.reasons, strict=False):
            self._denied.pop(subscription.filter, None)
            if code >= _FAILURE:
                self._denied[subscription.filter] = reason
        self._settle_subscriptions()

    def _settle_subscriptions(self) -> None:
        """Once every SUBACK is here: say what was refused, and that we are there."""
        if self._asked:
            return
        self._desk.change(subscribed=True, refused=dict(self._denied))
        if not self._born:
            self._born = True
            self._announce(ONLINE)

    def _announce(self, payload: bytes) -> None:
        if topic := self._desk.availability:
            self._put(Sending(Outgoing(topic, payload, 1, retain=True), None, None))

    def _put(self, sending: Sending) -> None:
        """Send at once, before what waits."""
        outgoing = sending.outgoing
        qos = min(outgoing.qos, self._maximum_qos)
        left_ms = None
        if sending.expires_mono_ms is not None:
            left_ms = sending.expires_mono_ms - self._desk.mono_ms()
            if left_ms <= 0:
                self._refuse(sending, "expired")
                return
        if len(outgoing.payload) + len(outgoing.topic.encode()) + 32 > self._maximum_packet:
            self._refuse(sending, "too_large")
            return
        left_s = None if left_ms is None else left_ms / 1000
        packet_id = self._connection.send(outgoing, qos, left_s)
        if packet_id:
            self._desk.outbox.sent(packet_id, sending.ticket)
        else:
            self._refuse(sending, "lost")

    def _refuse(self, sending: Sending, reason: str) -> None:
        if self._desk.outbox.refuse(sending.ticket, reason):
            self._desk.on_wake()

    def _send(self) -> None:
        while (sending := self._desk.outbox.next(self._window)) is not None:
            self._put(sending)

    def _closed(self, event: Closed) -> None:
        if self._left:
            return
        self.taken = event.by_broker and event.code == _TAKEN
        who = "closed by the broker" if event.by_broker else "connection lost"
        self.error = self.error or f"{who}: {event.reason}"

    def _leave(self) -> None:
        """Say goodbye, wait for the answers, disconnect.

        The answer to the goodbye shows that the acknowledgements before it have arrived; without
        an availability topic they may be lost when the socket closes, and the messages come again.
        """
        desk = self._desk
        self._connection.acknowledge(desk.inbox.due())  # what was said since this turn began
        if self._leave_by is None:
            self._leave_by = desk.mono_ms() + LEAVE_MS
            if self.accepted_mono_ms is not None and desk.farewell is not None:
                self._announce(desk.farewell)
        if not self._left and (desk.outbox.idle or desk.mono_ms() >= self._leave_by):
            self._left = True
            self._connection.disconnect()

    def _overdue(self) -> bool:
        """CONNECT was not answered, or we wanted to leave long ago and cannot even say so."""
        now = self._desk.mono_ms()
        if self.accepted_mono_ms is None and not self.refused and now > self._answer_by:
            self.mute = True
            self.error = "no answer to CONNECT"
            return True
        return self._leave_by is not None and now > self._leave_by + LEAVE_MS
