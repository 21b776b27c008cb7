"""A batch as it came, opened and sorted: rows to store, and rows to keep aside with the reason.

``core.batches.unpack`` takes a batch whole or not at all. A receiver must do better: one bad row
would keep a gateway's stream waiting for ever.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from gateway.core.batches import Header, read_header, unzip
from gateway.errors import DecodeError
from gateway.receiver.names import fits
from gateway.receiver.rows import MOST_LINE, fault

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a batch unpacked: a gateway sends one or two. What JSON makes of it in memory is ten times
as much at the worst."""
MOST_ROWS: Final = 100_000


class Good(NamedTuple):
    """A row to be stored."""

    row: dict[str, Any]
    line: str
    """As it was sent."""


class Aside(NamedTuple):
    """A row that is not."""

    seq: int
    reason: str
    line: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One batch, its rows in order."""

    header: Header
    good: Sequence[Good]
    aside: Sequence[Aside]
    size: int
    """Bytes as sent."""


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_scan: Final = json.JSONDecoder(parse_constant=_no_number).raw_decode


def open_parcel(payload: bytes) -> Parcel:
    """Open a batch.

    Raises:
        DecodeError: it is none; what is wrong with a row alone raises nothing.
    """
    head, *lines = _lines(payload)
    header = read_header(head.encode())
    if not fits(header):
        raise DecodeError("header", "a name, the position or a number cannot be stored")
    numbers = range(header.first, header.last + 1)
    if len(lines) != len(numbers):
        raise DecodeError("shape", f"{len(numbers)} rows are announced, {len(lines)} came")
    good: list[Good] = []
    aside: list[Aside] = []
    for seq, line in zip(numbers, lines, strict=True):
        row: Any = _read(line) if len(line) <= MOST_LINE else None
        if reason := fault(row, seq, line):
            aside.append(Aside(seq, reason, line[:MOST_LINE]))
        else:
            good.append(Good(row, line))
    return Parcel(header, good, aside, len(payload))


def _lines(payload: bytes) -> list[str]:
    """The lines of a batch without the last, empty one.

    Raises:
        DecodeError: it is no gzip, no UTF-8, or too long.
    """
    content = unzip(payload, MOST_BYTES)
    if content.count(b"\n") > MOST_ROWS + 1:
        raise DecodeError("size", f"more than {MOST_ROWS} rows")
    try:
        return content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DecodeError("utf8", str(error)) from error


def _read(line: str) -> Any:
    """What a line says; None for what is no JSON, or too long."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _read_strictly(line)


def _read_strictly(line: str) -> Any:
    """What orjson does not read: half characters and numbers of any length are JSON, too."""
    try:
        row, end = _scan(line, 0)
    except (ValueError, RecursionError):
        return None
    return row if end == len(line) else None
