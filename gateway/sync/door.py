"""The door of a lane: its sink, made when it is needed, closed from any thread."""

from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.core.sink_ports import Sink
from gateway.sync.ports import Make
from gateway.sync.sizes import MOST_BYTES


class Door:
    """Raises what its sink raises."""

    def __init__(self, make: Make) -> None:
        """Closed."""
        self._make = make
        self._sink: Sink | None = None

    @property
    def open(self) -> bool:
        """Whether there is a sink."""
        return self._sink is not None

    def cursor(self, stream: Stream) -> Cursor | None:
        """Connect, and ask how far the receiver is."""
        sink = self._sink
        if sink is None:
            sink = self._sink = self._make(stream)
        return sink.cursor()

    def send(self, batch: Batch) -> Answer:
        """Hand a batch over."""
        sink = self._sink
        if sink is None:
            raise ConnectionAbortedError("closed")
        return sink.send(batch)

    @property
    def most_bytes(self) -> int:
        """Of a batch; some sinks take less than others."""
        found: object = getattr(self._sink, "most_bytes", MOST_BYTES)
        return min(found, MOST_BYTES) if isinstance(found, int) else MOST_BYTES

    def close(self) -> None:
        """Let the connection go; it ends a call that hangs."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
