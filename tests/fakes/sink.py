"""A cloud in memory and the sink that goes with it: the simplest honest ``core.sink_ports.Sink``.

It passes the suite of ``tests/sinks/contract.py``, as every real one does. What goes wrong is said
beforehand: ``cloud.faults.append("lost answer")``, ``cloud.away = True``, ``cloud.refuses = ...``.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.batches import Answer, Batch, Cursor, Header, Refused, Row, Stream, unpack
from gateway.errors import DecodeError, SinkGapError, SinkRefusedError, SinkUnavailableError

LOST_REQUEST = "lost request"
"""The next batch does not arrive."""
LOST_ANSWER = "lost answer"
"""The next batch is taken, and nobody hears of it."""
REFUSED = "refused"
"""The next batch is refused for ever."""


@dataclass(slots=True)
class Cloud:
    """What the receiver holds, and how it behaves."""

    rows: dict[Stream, list[Row]] = field(default_factory=dict)
    """By stream, in the order in which they came."""
    cursors: dict[Stream, Cursor] = field(default_factory=dict)
    refused: dict[Stream, list[Refused]] = field(default_factory=dict)
    payloads: list[tuple[Header, bytes]] = field(default_factory=list)
    """Of every ``send``, also of those that came to nothing."""
    openings: list[Stream] = field(default_factory=list)
    """Of every ``cursor``, also of those that came to nothing."""

    password: str = ""
    knows: bool = True
    """False: it is one that cannot tell a cursor."""
    away: bool = False
    faults: deque[str] = field(default_factory=deque)
    """One is used up by each ``send``; ``""``: nothing happens."""
    refuses: Callable[[Row], str] = lambda _row: ""
    """Why it will never take this row; ``""``: it takes it."""
    rows_per_s: float | None = None
    wait_s: float = 0.0
    hold: threading.Event | None = None
    """While it is not set, ``send`` waits; ``close`` ends the waiting."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def seqs(self, stream: Stream) -> list[int]:
        """The numbers of the rows it holds of a stream, in the order in which they came."""
        return [row["seq"] for row in self.rows.get(stream, ())]

    def lose(self, stream: Stream, cursor: Cursor = Cursor()) -> None:  # noqa: B008 -- immutable
        """Go back to an older state, as a receiver does that was restored from a backup."""
        self.cursors[stream] = cursor
        kept = [row for row in self.rows.get(stream, ()) if row["seq"] <= cursor.seq]
        self.rows[stream] = kept

    def take(self, batch: Batch) -> Answer:
        """Hold the rows durably, once."""
        header = batch.header
        at = self.cursors.get(header.stream, Cursor())
        if at.seq < header.last:
            if at.seq != header.after:
                raise SinkGapError(*at)
            self._hold(batch)
        refused = self.refused[header.stream]
        return Answer(
            max(at, header.cursor),
            tuple(one for one in refused if header.first <= one.seq <= header.last),
            self.rows_per_s,
            self.wait_s,
        )

    def _hold(self, batch: Batch) -> None:
        stream = batch.header.stream
        try:
            _, rows = unpack(batch.payload)
        except DecodeError as error:
            raise SinkRefusedError(str(error)) from error
        reasons = {row["seq"]: self.refuses(row) for row in rows}
        refused = [Refused(seq, reason) for seq, reason in reasons.items() if reason]
        taken = [row for row in rows if not reasons[row["seq"]]]
        self.rows.setdefault(stream, []).extend(taken)
        self.refused.setdefault(stream, []).extend(refused)
        self.cursors[stream] = batch.header.cursor


@dataclass(frozen=True, slots=True)
class Settings:
    """Which cloud, and how to get in."""

    cloud: Cloud
    password: str = ""


class Sink:
    """One stream to the cloud in memory."""

    Settings = Settings

    def __init__(self, settings: Settings, stream: Stream) -> None:
        self._cloud, self._password = settings.cloud, settings.password
        self._stream = stream
        self._open = False
        self._closed = threading.Event()

    def cursor(self) -> Cursor | None:
        self._open = False
        self._closed.clear()
        self._cloud.openings.append(self._stream)
        if self._cloud.away:
            raise SinkUnavailableError("the cloud is away")
        if self._password != self._cloud.password:
            raise SinkUnavailableError("wrong password")
        self._open = True
        return self._cloud.cursors.get(self._stream, Cursor()) if self._cloud.knows else None

    def send(self, batch: Batch) -> Answer:
        if not self._open or self._closed.is_set():
            raise SinkUnavailableError("not connected")
        self._open = False  # until it went well: after an error comes ``cursor`` again
        self._cloud.payloads.append((batch.header, batch.payload))
        self._wait()
        fault = self._cloud.faults.popleft() if self._cloud.faults else ""
        if self._cloud.away or fault == LOST_REQUEST:
            raise SinkUnavailableError("the cloud is away", self._cloud.wait_s)
        if fault == REFUSED:
            raise SinkRefusedError("the cloud does not like it")
        with self._cloud.lock:
            answer = self._cloud.take(batch)
        if fault == LOST_ANSWER:
            raise SinkUnavailableError("no answer")
        self._open = True
        return answer

    def close(self) -> None:
        self._open = False
        self._closed.set()

    def _wait(self) -> None:
        while self._cloud.hold is not None and not self._cloud.hold.wait(0.01):
            if self._closed.is_set():
                raise SinkUnavailableError("closed")
