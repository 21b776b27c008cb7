"""Batches into a topic of Kafka, one message each, in the partition of their gateway.

Kafka keeps no cursor of ours, so the last batch of the stream is looked for at the end of the
partition each time the sink connects. That is sound only where nothing of an older producer can
still arrive: each producer has the stream's name (``transactional.id``), and a new one has the
broker end what the old one began (KIP-98). Who reads the topic reads ``read_committed``.
"""

import threading
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.errors import SinkError, SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks.kafka_settings import MOST_BYTES, Settings, consuming, producing, words
from gateway.sinks.kafka_tail import headers, look

if TYPE_CHECKING:
    from confluent_kafka import Producer

NEEDS: Final = {"confluent_kafka": "kafka"}
_TURN_S: Final = 0.1
"""How long librdkafka is waited for in one go: a closed sink does not wait longer."""

_Settings = Settings


class Sink:
    """One stream to one partition, by a producer of its own."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        self.most_bytes = MOST_BYTES
        self._settings = settings
        self._stream = stream
        self._partition = 0
        self._at: Cursor | None = None
        self._producer: Producer | None = None
        self._failure = ""
        self._turn = threading.RLock()
        self._ended = False

    def cursor(self) -> Cursor | None:
        """Connect, put an end to older producers of the stream, and look for its last batch.

        None: there is none within ``look_back`` messages, and the partition holds more.

        Raises:
            SinkUnavailableError: it cannot be reached, or does not let us in.
        """
        from confluent_kafka import KafkaException

        with self._turn:
            self.close()
            self._ended = False
            self._failure = ""
            try:
                self._at = self._open()
            except KafkaException as error:
                self.close()
                raise self._said(error.args[0]) from error
            except SinkError:
                self.close()
                raise
            return self._at

    def send(self, batch: Batch) -> Answer:
        """Produce it and wait until every replica in sync has it, and the commit.

        Raises:
            SinkUnavailableError: nobody knows whether it was taken.
            SinkGapError: the last batch is another one.
            SinkRefusedError: it is longer than the broker takes.
        """
        from confluent_kafka import KafkaException

        with self._turn:
            try:
                return self._send(batch)
            except KafkaException as error:
                self.close()
                raise self._said(error.args[0]) from error
            except SinkError:
                self.close()
                raise

    def close(self) -> None:
        """Let the producer go, with what it still has to send."""
        self._ended = True
        with self._turn:
            producer, self._producer = self._producer, None
            if producer is not None:
                producer.purge(in_queue=True, in_flight=True, blocking=False)
                producer.poll(0)

    def _open(self) -> Cursor | None:
        from confluent_kafka import Consumer, Producer

        settings, stream = self._settings, self._stream
        common = words(settings, self._failed)
        producer = Producer({**common, **producing(settings, stream)})
        self._partition = self._home(producer)
        if settings.transactions:
            producer.init_transactions(settings.timeout_s)
        consumer = Consumer({**common, **consuming(settings, stream)})
        try:
            back = settings.look_back
            at = look(consumer, settings.topic, self._partition, stream, back, settings.timeout_s)
        finally:
            consumer.close()
        if self._ended:
            raise SinkUnavailableError("closed")
        self._producer = producer
        return at

    def _home(self, producer: "Producer") -> int:
        """The gateway's partition, as librdkafka's partitioner ``consistent`` has it."""
        until = time.monotonic() + self._settings.connect_timeout_s
        topic = self._settings.topic
        why = "no broker answers"
        while time.monotonic() < until and not self._ended:
            known = producer.list_topics(topic, timeout=self._settings.connect_timeout_s)
            found = known.topics[topic]
            if found.error is None and found.partitions:
                return zlib.crc32(self._stream.gateway.encode()) % len(found.partitions)
            why = str(found.error)  # it may be in the making
            producer.poll(_TURN_S)
        raise SinkUnavailableError(f"topic {topic}: {why}: see docs/sinks/kafka.md", 10.0)

    def _send(self, batch: Batch) -> Answer:
        header = batch.header
        if self._producer is None:
            raise SinkUnavailableError("not connected")
        if self._at is not None and self._at.seq >= header.last:
            return Answer(self._at)
        if self._at is not None and self._at.seq != header.after:
            raise SinkGapError(*self._at)
        self._produce(self._producer, batch)
        self._at = header.cursor
        return Answer(self._at)

    def _produce(self, producer: "Producer", batch: Batch) -> None:
        from confluent_kafka import KafkaException

        delivered: list[Any] = []
        if self._settings.transactions:
            producer.begin_transaction()
        producer.produce(
            self._settings.topic,
            batch.payload,
            key=self._stream.gateway.encode(),
            partition=self._partition,
            headers=headers(batch),
            on_delivery=lambda error, _: delivered.append(error),
        )
        while not delivered:
            self._still_open()
            producer.poll(_TURN_S)
        if delivered[0] is not None:
            raise KafkaException(delivered[0])
        if self._settings.transactions:
            self._commit(producer)

    def _commit(self, producer: "Producer") -> None:
        """In short turns: a commit that takes longer is asked for again, as librdkafka wants it."""
        from confluent_kafka import KafkaError, KafkaException

        until = time.monotonic() + self._settings.timeout_s
        while True:
            try:
                producer.commit_transaction(_TURN_S)
            except KafkaException as error:
                self._still_open()
                late = error.args[0].code() == KafkaError._TIMED_OUT  # noqa: SLF001
                if not late or time.monotonic() > until:
                    raise
            else:
                return

    def _still_open(self) -> None:
        if self._ended:
            raise SinkUnavailableError("closed")

    def _failed(self, error: Any) -> None:
        """What happens to connections; said when nothing better is known."""
        self._failure = str(error.str())

    def _said(self, error: Any) -> SinkError:
        from confluent_kafka import KafkaError

        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return SinkRefusedError(f"{error.str()} (message.max.bytes)")
        told = f"{error.str()}: {self._failure}" if self._failure else str(error.str())
        return SinkUnavailableError(told)
