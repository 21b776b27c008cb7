"""The end of a partition, where the last batch of a stream is looked for.

The headers of a message say which rows it holds, so payloads are not unpacked.
"""

import time
from typing import TYPE_CHECKING, Any, Final

from gateway.core.batches import Batch, Cursor, Stream
from gateway.errors import SinkUnavailableError

if TYPE_CHECKING:
    from confluent_kafka import Consumer

_STEP: Final = 50
"""Messages that are looked at first; mostly the last batch of a stream is not far back."""


def headers(batch: Batch) -> list[tuple[str, str | bytes | None]]:
    """Of a message."""
    header = batch.header
    told = {
        "gateway": header.stream.gateway,
        "epoch": header.stream.epoch,
        "lane": header.stream.lane,
        "after": str(header.after),
        "first": str(header.first),
        "last": str(header.last),
        "position": header.position,
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
    }
    return [(f"edge-{name}", value.encode()) for name, value in told.items()]


def look(
    consumer: "Consumer", topic: str, partition: int, stream: Stream, span: int, timeout_s: float
) -> Cursor | None:
    """How far the stream is; None: not within the last ``span`` messages, and there are more.

    Raises:
        SinkUnavailableError: it could not be read in time.
        KafkaException: it cannot be read.
    """
    from confluent_kafka import TopicPartition

    until = time.monotonic() + timeout_s
    place = TopicPartition(topic, partition)
    low, high = consumer.get_watermark_offsets(place, timeout=timeout_s)
    start = end = high
    for back in (min(_STEP, span), span):
        start = max(low, high - back)
        place.offset = start
        consumer.assign([place])
        found = _last(consumer, stream, end, high, until)
        if found is not None:
            return found
        end = start
    return Cursor() if start == 0 else None


def _last(consumer: "Consumer", stream: Stream, end: int, high: int, until: float) -> Cursor | None:
    """The last cursor before the offset ``end``.

    The end of the partition counts once it is at ``high``: a transaction of somebody else that is
    still open hides what comes behind it.
    """
    from confluent_kafka import KafkaError, KafkaException

    found: Cursor | None = None
    while time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is None:
            continue
        error, offset = message.error(), message.offset()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            raise KafkaException(error)
        if (offset or 0) >= (high if error is not None else end):
            return found
        if error is None:
            found = _cursor(dict(message.headers() or ()), stream) or found
    raise SinkUnavailableError("the end of the partition could not be read in time")


def _cursor(told: dict[str, Any], stream: Stream) -> Cursor | None:
    """What a message says, if it is of the stream."""
    try:
        of = Stream(*(told[f"edge-{name}"].decode() for name in Stream._fields))
        cursor = Cursor(int(told["edge-last"]), told["edge-position"].decode())
    except (KeyError, ValueError, AttributeError):
        return None
    return cursor if of == stream else None
