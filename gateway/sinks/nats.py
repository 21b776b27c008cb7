"""Batches into a JetStream stream of NATS, one subject for each stream of ours.

``<subject>.<gateway>.<epoch>.<lane>`` holds the batches as they are (gzip over lines of JSON), and
its last message tells how far the stream is: that is the cursor. Each batch says which message it
follows (``Nats-Expected-Last-Subject-Sequence``), so the server itself refuses what comes twice or
out of order, for ever; a duplicate window would end.

The last message is what must not be deleted. Where it is gone (a stream with an age limit) nobody
knows how far the stream was: ``cursor`` is None then, and our own record counts.
"""

import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.errors import SinkError, SinkUnavailableError
from gateway.sinks.nats_line import Head, Line, patience_s, subject
from gateway.sinks.nats_loop import Loop, LoopError
from gateway.sinks.nats_settings import Settings

NEEDS: Final = {"nats": "nats", "nkeys": "nats"}
T = TypeVar("T")

_Settings = Settings


class Sink:
    """One stream to one subject, over a connection of its own."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        self.most_bytes = 0
        """Set by ``cursor``: what the server takes, and can give back in one piece."""
        self._settings = settings
        self._stream = stream
        self._head = Head(0, None)
        self._line: Line | None = None
        self._loop: Loop | None = None
        self._turn = threading.RLock()

    def cursor(self) -> Cursor | None:
        """Connect, make the stream if it is missing, and look at the last message.

        Raises:
            SinkUnavailableError: it cannot be reached, or does not let us in.
        """
        with self._turn:
            self.close()
            try:
                self._open()
            except SinkError:
                self.close()
                raise
            return self._head.cursor

    def send(self, batch: Batch) -> Answer:
        """Publish it behind the message it follows, and wait for the acknowledgement.

        Raises:
            SinkUnavailableError: nobody knows whether it was stored.
            SinkGapError: the last message is another one.
            SinkRefusedError: it is no batch, or longer than the server allows.
        """
        with self._turn:
            try:
                return self._send(batch)
            except SinkError:
                self.close()
                raise

    def close(self) -> None:
        """Let the connection go; what another thread is in ends with it."""
        loop = self._loop
        if loop is not None:
            loop.stop()
        with self._turn:
            self._loop = self._line = None

    def _open(self) -> None:
        settings = self._settings
        line = Line(settings, subject(settings.subject, self._stream))
        self._loop = Loop(f"nats-{self._stream.lane}", line.close)
        self._run(line.open(), len(settings.url) * settings.connect_timeout_s)
        self._head = self._run(line.look(), settings.timeout_s)
        self._line = line
        self.most_bytes = line.most_bytes

    def _send(self, batch: Batch) -> Answer:
        line, header = self._line, batch.header
        if line is None:
            raise SinkUnavailableError("not connected")
        if not self._head.holds(header):
            self._head.must_precede(header)
            self._head = self._run(
                line.publish(batch, self._head.number), patience_s(self._settings, batch)
            )
        if not self._head.holds(header):  # somebody else was there first
            self._head.must_precede(header)
            raise SinkUnavailableError("the subject was written to by somebody else")
        return Answer(self._head.cursor or header.cursor)

    def _run(self, what: Coroutine[Any, Any, T], timeout_s: float) -> T:
        if self._loop is None:
            what.close()
            raise SinkUnavailableError("not connected")
        try:
            return self._loop.run(what, timeout_s)
        except LoopError as error:
            raise SinkUnavailableError(str(error)) from error
