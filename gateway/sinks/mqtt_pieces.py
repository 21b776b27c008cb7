"""A batch as messages that others can read: each row says whose it is, no message is too long."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from gateway.core.batches import Batch, Refused, unzip
from gateway.core.compact import compact
from gateway.errors import DecodeError


class Piece(NamedTuple):
    """One message: rows ``first`` to ``last``."""

    first: int
    last: int
    payload: bytes


class Format(NamedTuple):
    """How rows become a payload."""

    content_type: str
    most_rows: int
    """Of one message; 0: as many as fit."""
    join: Callable[[list[bytes]], bytes]
    fence: int
    """Bytes of a payload besides rows and one byte between two of them."""


FORMATS: Final[Mapping[str, Format]] = {
    "rows": Format("application/json", 0, lambda rows: b"[" + b",".join(rows) + b"]", 2),
    "single": Format("application/json", 1, lambda rows: rows[0], 0),
    "lines": Format("application/x-ndjson", 0, b"\n".join, 0),
}
"""``batch`` is none: it is sent as it is."""
BATCH_TYPE: Final = "application/gzip"


def content_type(form: str) -> str:
    """Of the messages of a format."""
    return FORMATS[form].content_type if form in FORMATS else BATCH_TYPE


def cut(batch: Batch, form: str, most: int) -> tuple[list[Piece], list[Refused]]:
    """The messages of a batch, none longer than ``most`` bytes, and the rows that are too long.

    The same batch gives the same messages.

    Raises:
        DecodeError: it is no batch.
    """
    header = batch.header
    if form not in FORMATS:
        if len(batch.payload) <= most:
            return [Piece(header.first, header.last, batch.payload)], []
        reason = f"its batch has {len(batch.payload)} bytes, and a message {most} at most"
        return [], [Refused(seq, reason) for seq in range(header.first, header.last + 1)]
    lines = list(_lines(batch))
    told = FORMATS[form]
    room = most - told.fence
    fitting = [(seq, line) for seq, line in lines if len(line) <= room]
    refused = [
        Refused(seq, f"{len(line)} bytes, and a message has {most} at most")
        for seq, line in lines
        if len(line) > room
    ]
    return list(_pieces(fitting, told, room)), refused


def _lines(batch: Batch) -> Iterator[tuple[int, bytes]]:
    """Number and text of each row, with whose it is put in front: nothing is parsed, it is ours.

    Raises:
        DecodeError: it is no batch.
    """
    header = batch.header
    _, *rows = unzip(batch.payload).rstrip(b"\n").split(b"\n")
    if len(rows) != batch.rows:
        raise DecodeError("shape", "the rows are not those of the header")
    whose = document(header.stream._asdict())[:-1] + b","
    for seq, row in enumerate(rows, header.first):
        if not row.startswith(b'{"seq":%d,' % seq):
            raise DecodeError("shape", f"row {seq} does not begin with its number")
        yield seq, whose + row[1:]


def _pieces(lines: list[tuple[int, bytes]], told: Format, room: int) -> Iterator[Piece]:
    """Rows one after the other, as many to a message as fit."""
    held: list[tuple[int, bytes]] = []
    size = 0
    for seq, line in lines:
        full = size + len(line) > room or len(held) == told.most_rows > 0
        if held and full:
            yield _piece(held, told)
            held, size = [], 0
        held.append((seq, line))
        size += len(line) + 1
    if held:
        yield _piece(held, told)


def _piece(held: list[tuple[int, bytes]], told: Format) -> Piece:
    return Piece(held[0][0], held[-1][0], told.join([line for _, line in held]))


def document(value: Any) -> bytes:
    """JSON as short as it gets."""
    return compact(value).encode()
