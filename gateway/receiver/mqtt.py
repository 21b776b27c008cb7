"""MQTT: the receiver's side of the three topics of docs/sinks/mqtt.md, on one broker.

A batch is acknowledged to the broker after its rows are committed, and answered by the cursor, as
is one that does not fit, or is none, and every ask. The cursor is retained; what the broker retains
is set right when we subscribe, for we may have lost what it tells of.
"""

import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

import structlog

from gateway.adapters.mqtt import Client
from gateway.adapters.mqtt_settings import Broker
from gateway.core.batch_answers import (
    CursorMessage,
    Rejected,
    cursor_message,
    read_ask,
    read_cursor_message,
)
from gateway.core.batches import Answer, Cursor, Header, Stream
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import DecodeError, NotConnectedError, SinkGapError, StoreError
from gateway.receiver.desk import Desk, rejected
from gateway.receiver.names import is_sound

STORE_S: Final = 5.0
"""When to try again after the store failed; the broker keeps what comes meanwhile."""
LOOK_S: Final = 1.0
log = structlog.get_logger()


class Place(NamedTuple):
    """Of a topic below the base."""

    gateway: str
    what: str
    """ask, batch or cursor."""
    lane: str


class Listener:
    """One broker's messages, in one thread."""

    def __init__(
        self,
        broker: Broker,
        base: str,
        desk: Desk,
        wall_ms: Callable[[], int],
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called when the thread ends by itself; see ``failure``."""
        self.failure: BaseException | None = None
        self._name, self._base, self._desk = broker.name, base, desk
        self._on_end = on_end
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._connected = False
        self._client = Client(broker, on_wake=self._news.set, wall_ms=wall_ms)
        self._client.subscribe(
            [
                Subscription(f"{base}/+/batch/+"),
                Subscription(f"{base}/+/ask/+"),
                Subscription(f"{base}/+/cursor/+", qos=0),
            ]
        )
        self._thread = threading.Thread(target=self._run, name=f"listener-{broker.name}")

    def start(self) -> None:
        """Begin to connect and to listen."""
        self._client.start()
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand, say goodbye."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.stop(None)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._news.wait(LOOK_S)
                self._news.clear()
                self._turn()
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._on_end()

    def _turn(self) -> None:
        if not self._client.alive():
            raise self._client.failure or RuntimeError("the network thread ended")
        self._tell()
        for message in self._client.take():
            self._hear(message)
            if self._stopping.is_set():
                return
            if message.receipt:
                self._client.acknowledge([message.receipt])
        self._client.take_outcomes()

    def _tell(self) -> None:
        state = self._client.state
        if state.connected != self._connected:
            self._connected = state.connected
            event = "broker_connected" if state.connected else "broker_lost"
            log.info(event, broker=self._name, reason=state.last_error)

    def _hear(self, message: Message) -> None:
        """Answer a message; returns once what it brought is durable, or when we stop."""
        place = _place(self._base, message.topic)
        if place is None:
            return
        while not self._stopping.is_set():
            try:
                for answer in self._answers(place, message):
                    self._say(message.topic, answer)
            except StoreError as error:
                log.error("batch_not_stored", broker=self._name, error=str(error))
                self._stopping.wait(STORE_S)
            else:
                return

    def _answers(self, place: Place, message: Message) -> Sequence[CursorMessage]:
        if place.what == "batch":
            return [self._take(place, message.payload)]
        if place.what == "ask":
            return self._asked(place, message.payload)
        return self._mend(place, message.payload) if message.retain else []

    def _take(self, place: Place, payload: bytes) -> CursorMessage:
        found: list[Header] = []

        def allowed(header: Header) -> str:
            found.append(header)
            own = (header.stream.gateway, header.stream.lane) == (place.gateway, place.lane)
            return "" if own else "topic: it is that of another gateway or lane"

        try:
            header, answer = self._desk.take(payload, allowed, strict=False)
        except SinkGapError as gap:
            return CursorMessage(found[0].stream.epoch, Answer(Cursor(gap.seq, gap.position)))
        except (DecodeError, PermissionError) as error:
            rejected(payload, error, f"mqtt:{self._name}")
            return self._rejected(payload, str(error), found, place)
        return CursorMessage(header.stream.epoch, answer)

    def _rejected(
        self, payload: bytes, reason: str, found: Sequence[Header], place: Place
    ) -> CursorMessage:
        """What is no batch is named by its checksum; where it told its epoch, with the cursor."""
        epoch = found[0].stream.epoch if found else ""
        stream = Stream(place.gateway, epoch, place.lane)
        cursor = self._desk.cursor(stream) if epoch else Cursor()
        return CursorMessage(epoch, Answer(cursor), Rejected(zlib.crc32(payload), reason[:500]))

    def _asked(self, place: Place, payload: bytes) -> Sequence[CursorMessage]:
        try:
            stream = read_ask(payload)
        except DecodeError:
            return []
        if not is_sound(stream) or (stream.gateway, stream.lane) != (place.gateway, place.lane):
            return []
        return [CursorMessage(stream.epoch, Answer(self._desk.cursor(stream)))]

    def _mend(self, place: Place, payload: bytes) -> Sequence[CursorMessage]:
        """What the broker retains, corrected; nothing where it is right."""
        try:
            told = read_cursor_message(payload)
        except DecodeError:
            return []
        stream = Stream(place.gateway, told.epoch, place.lane)
        if not is_sound(stream):
            return []
        ours = self._desk.cursor(stream)
        if told.answer.cursor == ours:
            return []
        log.warning(
            "cursor_corrected", stream=str(stream), told=told.answer.cursor.seq, seq=ours.seq
        )
        return [CursorMessage(told.epoch, Answer(ours))]

    def _say(self, topic: str, answer: CursorMessage) -> None:
        head, _, lane = topic.rpartition("/")
        where = f"{head.rpartition('/')[0]}/cursor/{lane}"
        outgoing = Outgoing(where, cursor_message(answer), 1, retain=True)
        try:
            self._client.publish(outgoing, ticket=0)
        except NotConnectedError:  # the broker delivers the batch again: then it is answered
            return


def _place(base: str, topic: str) -> Place | None:
    levels = topic.removeprefix(f"{base}/").split("/")
    if len(levels) != len(Place._fields):
        return None
    gateway, what, lane = levels
    return Place(unquote(gateway), what, unquote(lane))
