"""The open segment of a stream: batches one after the other, as they were sent, in one file.

A batch is a gzip member, and members in a row are a gzip file again (RFC 1952, 2.2), so what is
there can be read by ``zcat`` at any time. What counts is the file: it holds every batch whose
member is whole, and what a power cut or a full disk left behind it is cut off before the next.
"""

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.core.batches import Batch, Cursor, read_header, unzip
from gateway.errors import DecodeError

NAME = "open.jsonl.gz"
_CHUNK = 65_536
_HEAD = 1_048_576
"""Of a member unpacked: its header and its first row."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What is in the open segment."""

    first: int
    """Its first row."""
    cursor: Cursor
    """Its last."""
    at_ms: int
    """Time of its first row."""
    size: int
    """Bytes of its whole members."""
    inode: int
    """It is that file, and no other."""
    length: int
    """Of the file when it was looked at."""


def begin_ms(batch: Batch) -> int:
    """The time of a batch's first row.

    Raises:
        DecodeError: it is no batch.
    """
    _, row, *_ = unzip(batch.payload).split(b"\n", 2)
    return _at_ms(row)


def read(path: Path) -> Journal | None:
    """Read an open segment; None where there is none, or no whole batch in it.

    Raises:
        OSError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    stat = path.stat()
    first, cursor, at_ms, size = 0, Cursor(), 0, 0
    while (member := _member(data, size)) is not None:
        try:
            header = read_header(member[0].split(b"\n", 1)[0])
        except DecodeError:
            break  # not ours, nor is what follows it
        if not first:
            first, at_ms = header.first, _at_ms(member[0].split(b"\n", 2)[1])
        cursor, size = header.cursor, member[1]
    if not first:
        return None
    return Journal(first, cursor, at_ms, size, stat.st_ino, len(data))


def append(path: Path, batch: Batch, at_ms: int, known: Journal | None) -> Journal:
    """Add a batch behind the whole ones; it is durable when this returns.

    Raises:
        OSError: it is not, and the next ``read`` does not find it, or finds it whole.
    """
    size = known.size if known is not None else 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, size)
        written = 0
        while written < len(batch.payload):
            written += os.pwrite(descriptor, batch.payload[written:], size + written)
        os.fsync(descriptor)
        inode = os.fstat(descriptor).st_ino
    except OSError:
        with suppress(OSError):  # what could not be synchronised may look whole until power fails
            os.ftruncate(descriptor, size)
        raise
    finally:
        os.close(descriptor)
    if known is None:
        settle(path.parent)
    length, header = size + len(batch.payload), batch.header
    if known is None:
        return Journal(header.first, header.cursor, at_ms, length, inode, length)
    return Journal(known.first, header.cursor, known.at_ms, length, inode, length)


def secure(path: Path, found: Journal) -> Journal:
    """Cut off what is behind the whole batches, and make those durable that a killed process wrote.

    Raises:
        OSError: it cannot be done.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if found.length > found.size:
            os.ftruncate(descriptor, found.size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return replace(found, length=found.size)


def settle(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: they are not.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _member(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The beginning of the member that starts there, unpacked, and where it ends."""
    unpacker, head, at = zlib.decompressobj(zlib.MAX_WBITS | 16), b"", start
    while at < len(data):
        chunk = data[at : at + _CHUNK]
        try:
            lines = unpacker.decompress(chunk)
        except zlib.error:
            return None
        if len(head) < _HEAD:
            head += lines
        at += len(chunk)
        if unpacker.eof:
            return head, at - len(unpacker.unused_data)
    return None


def _at_ms(line: bytes) -> int:
    with suppress(ValueError, AttributeError):
        at_ms = json.loads(line).get("at_ms")
        return at_ms if isinstance(at_ms, int) else 0
    return 0
