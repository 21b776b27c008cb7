"""Batches: rows of one stream, cut once, kept, and sent as the same bytes until they are taken.

A stream is what one gateway sends in one lane out of one database: its rows are numbered from 1
without a hole. So (gateway, epoch, lane, seq) names a row for ever, a receiver needs to remember
one number per stream, and what it has already seen it knows by that number alone.

On the wire a batch is gzip (RFC 1952) over lines of JSON: a header, then one row per line::

    {"schema":1,"gateway":"north","epoch":"6f0c...","lane":"live","after":40,"first":41,"last":42,
     "position":"report:9001"}
    {"seq":41,"kind":"reading","asset":"pump-7","metric":"power","at_ms":...,"value":231.5,...}
    {"seq":42,...}

``after`` is the last row that the stream sent before: a receiver whose cursor stands elsewhere
refuses the batch. ``position`` says, in words that only the gateway reads, how far in its database
it was; the receiver keeps it with its cursor and gives it back.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from gateway.core.compact import compact
from gateway.errors import DecodeError

SCHEMA: Final = 1
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one batch unpacked; a receiver takes no more from anybody."""
_LEVEL: Final = 6

Row = Mapping[str, Any]
"""One row: ``kind``, ``at_ms`` and what belongs to the kind; ``seq`` is given when it is packed."""


class Line(Mapping[str, Any]):
    """A row that is written already: of a reading, writing it is most of what it costs."""

    __slots__ = ("_row", "text")

    def __init__(self, text: str) -> None:
        """``text``: the row as JSON, without the brace that opens it."""
        self.text = text
        self._row: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        """Read one of its fields; all are read at the first."""
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        """Its fields in order."""
        return iter(self._read())

    def __len__(self) -> int:
        """How many fields it has."""
        return len(self._read())

    def _read(self) -> dict[str, Any]:
        if self._row is None:
            self._row = json.loads("{" + self.text)
        return self._row


class Lane(StrEnum):
    """The streams of a gateway, which never wait for each other."""

    EVENTS = "events"
    """Alerts, decisions, checkpoints, health: small, first."""
    LIVE = "live"
    """Readings as they come."""
    BACKFILL = "backfill"
    """Readings of the time when there was no link."""


class Stream(NamedTuple):
    """Whose rows."""

    gateway: str
    epoch: str
    """Of the database: made with it, so that numbers of another one are other numbers."""
    lane: str

    def __str__(self) -> str:
        """As in topics, paths and logs."""
        return "/".join(self)


class Cursor(NamedTuple):
    """How far a receiver is in a stream."""

    seq: int = 0
    """The last row that it holds durably; 0: none."""
    position: str = ""
    """The header's ``position`` of the batch that ended there."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a batch."""

    stream: Stream
    after: int
    first: int
    last: int
    position: str

    @property
    def cursor(self) -> Cursor:
        """Where the receiver's cursor stands once it has this batch."""
        return Cursor(self.last, self.position)

    @property
    def id(self) -> str:
        """Of the batch: the same for the same bytes, an idempotency key."""
        return f"{self.stream}/{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they are sent."""

    header: Header
    payload: bytes

    @property
    def id(self) -> str:
        """The same for the same bytes: an idempotency key."""
        return self.header.id

    @property
    def rows(self) -> int:
        """How many."""
        return self.header.last - self.header.first + 1


class Refused(NamedTuple):
    """A row that the receiver will never take."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver says to a batch: it holds everything up to ``cursor`` but the refused."""

    cursor: Cursor
    refused: tuple[Refused, ...] = ()
    rows_per_s: float | None = None
    """Credit: no faster than this until it says otherwise; None: as fast as you like."""
    wait_s: float = 0.0
    """Send nothing of this lane before."""


def pack(stream: Stream, after: int, rows: Sequence[Row], position: str) -> Batch:
    """Cut a batch of at least one row; the rows are numbered ``after + 1`` and on.

    The same rows give the same bytes: the gzip header holds no time and no name.

    Raises:
        ValueError: there are no rows, or one holds what JSON cannot say (NaN).
    """
    if not rows:
        raise ValueError("a batch has at least one row")
    header = Header(stream, after, after + 1, after + len(rows), position)
    lines = [compact(_described(header))]
    lines += [
        f'{{"seq":{seq},{row.text}' if isinstance(row, Line) else compact({"seq": seq, **row})
        for seq, row in enumerate(rows, header.first)
    ]
    lines.append("")
    text = "\n".join(lines).encode("utf-8", "backslashreplace")  # half a surrogate: its escape
    return Batch(header, gzip.compress(text, _LEVEL, mtime=0))


def unpack(payload: bytes) -> tuple[Header, list[dict[str, Any]]]:
    """Read a batch.

    Raises:
        DecodeError: it is none, it is too long, or its rows are not those of its header.
    """
    head, rest = unzip(payload).split(b"\n", 1)
    header = read_header(head)
    try:
        rows = json.loads(b"[" + rest.strip().replace(b"\n", b",") + b"]")
    except ValueError as error:
        raise DecodeError("json", str(error)) from error
    numbers = range(header.first, header.last + 1)
    if len(rows) != len(numbers) or not all(
        isinstance(row, dict) and row.get("seq") == seq
        for row, seq in zip(rows, numbers, strict=True)
    ):
        raise DecodeError("shape", "the rows are not those of the header")
    return header, rows


def unzip(payload: bytes, most: int = MOST_BYTES) -> bytes:
    """The lines of a batch, at least one.

    Raises:
        DecodeError: it is no gzip, or longer than ``most`` bytes.
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        lines = stream.decompress(payload, most)
    except zlib.error as error:
        raise DecodeError("gzip", str(error)) from error
    if stream.unconsumed_tail or not stream.eof or b"\n" not in lines:
        raise DecodeError("gzip", f"cut short, or longer than {most} bytes")
    return lines


def read_header(line: bytes) -> Header:
    """Read the first line of a batch.

    Raises:
        DecodeError: it is none.
    """
    try:
        told = json.loads(line)
        stream = Stream(*(str(told[name]) for name in Stream._fields))
        after, first, last = (int(told[name]) for name in ("after", "first", "last"))
        position = str(told["position"])
        schema = told["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise DecodeError("header", f"not a header: {error}") from error
    if schema != SCHEMA or not all(stream) or not 0 <= after < first <= last:
        raise DecodeError("header", "not a header of this schema")
    return Header(stream, after, first, last, position)


def _described(header: Header) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        **header.stream._asdict(),
        "after": header.after,
        "first": header.first,
        "last": header.last,
        "position": header.position,
    }
