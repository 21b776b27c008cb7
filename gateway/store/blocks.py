"""Signals as rows: the samples behind a reading, packed, beside the report that brought them.

Sensors that send 16-bit integers are kept as these (codec ``i2``, with ``step`` and ``zero``),
others as 32-bit floats (``f4``): what is read back is what was judged, bit for bit. Bytes of the
same rank are put together (as HDF5's shuffle filter does) and deflated, unless that saves nothing
(``i2z``, ``f4z``): slow bytes repeat. All numbers are little-endian.
"""

import sqlite3
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from gateway.core.signals import HIGHEST_HZ, Signal, SignalError
from gateway.store.batch import StoredReport

TABLES: Final = """
-- the samples behind a reading of a signal, packed. Deleted with its report
CREATE TABLE signal_block (
    id INTEGER PRIMARY KEY, report INTEGER NOT NULL, position INTEGER NOT NULL,
    boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, n INTEGER NOT NULL, rate_hz REAL NOT NULL,
    rms REAL NOT NULL, peak REAL NOT NULL, codec TEXT NOT NULL, step REAL NOT NULL,
    zero REAL NOT NULL, samples BLOB NOT NULL, crc INTEGER NOT NULL, UNIQUE (report, position));

-- for people: what a block is, without its samples (edge-gateway readings --samples shows them)
CREATE VIEW signal AS
SELECT b.report, s.key, s.asset, s.source, s.device, s.metric, b.n, b.rate_hz,
       b.n / b.rate_hz AS duration_s, b.rms, b.peak, s.unit, coalesce(m.value, 'ok') AS reason,
       r.at_ms, r.received_at_ms, length(b.samples) AS bytes
FROM signal_block b
JOIN report r ON r.id = b.report
JOIN layout_item i ON i.layout = r.layout AND i.position = b.position
JOIN series s ON s.id = i.series
LEFT JOIN json_each(r.marks) m ON m.key = b.position;
"""
INSERT: Final = (
    "INSERT INTO signal_block (report, position, boot, mono_ms, n, rate_hz, rms, peak, codec,"
    " step, zero, samples, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS: Final = "report, position, n, rate_hz, codec, step, zero, samples, crc"
LEVEL: Final = 1
"""Of deflate: higher ones save 1 % more of noise and take three times as long."""
MOST_BYTES: Final = 4 * 65_536
"""Of a block as it is packed: a damaged one must not fill the memory."""

_TYPES: Final = {"i2": "h", "f4": "f"}
_head: Final = struct.Struct("<qqddd").pack


class BlockRow(NamedTuple):
    """One row of ``signal_block``, as ``COLUMNS`` reads it."""

    report: int
    position: int
    n: int
    rate_hz: float
    codec: str
    step: float
    zero: float
    samples: bytes
    crc: int

    def signal(self) -> Signal | None:
        """The block; None when the row is damaged."""
        try:
            if self.crc != _checksum(*self[1:8]):
                return None
            numbers = _unpacked(self.codec, self.samples)
            sound = len(numbers) == self.n and 0 < self.rate_hz <= HIGHEST_HZ
            if not sound:
                return None
            if numbers.typecode == "h":
                return Signal.of_counts(numbers, self.rate_hz, self.step, self.zero)
            return Signal.of(numbers, self.rate_hz)
        except (TypeError, ValueError, KeyError, struct.error, zlib.error, SignalError):
            return None


def rows(reports: Iterable[StoredReport], first: int, boot: int) -> Iterator[tuple[object, ...]]:
    """The blocks of reports whose row ids begin at ``first``, as ``INSERT`` takes them."""
    for row_id, stored in enumerate(reports, first):
        report = stored.report
        for position, signal in report.signals.items():
            yield _row(signal, row_id, position, (boot, report.received_mono_ms))


def block_rows(
    connection: sqlite3.Connection, where: str, parameters: tuple[object, ...]
) -> Iterator[BlockRow]:
    """Rows of blocks; ``where`` is the rest of the statement behind the table."""
    query = f"SELECT {COLUMNS} FROM signal_block {where}"  # noqa: S608 - our own words only
    return map(BlockRow._make, connection.execute(query, parameters))


def copy(
    old: sqlite3.Connection, new: sqlite3.Connection, report: int, to: tuple[int, int]
) -> None:
    """Copy the blocks of a report of a damaged database; those that cannot be read are lost.

    Args:
        old: the damaged one.
        new: where they go; in the caller's transaction.
        report: its row id in the old one.
        to: its row id, and the id of its boot, in the new one.
    """
    try:
        known = list(block_rows(old, "WHERE report = ?", (report,)))
        times = "SELECT position, mono_ms FROM signal_block WHERE report = ?"
        mono_ms = dict(old.execute(times, (report,)).fetchall())
    except (sqlite3.Error, TypeError):
        return
    for row in known:
        signal, at_ms = row.signal(), mono_ms[row.position]
        if signal is not None and isinstance(at_ms, int):
            new.execute(INSERT, _row(signal, to[0], row.position, (to[1], at_ms)))


def move(connection: sqlite3.Connection, report: int, position: int, to: int) -> None:
    """Another place for a block among its report's readings; its checksum covers the place."""
    where = "WHERE report = ? AND position = ?"
    for row in list(block_rows(connection, where, (report, position))):
        crc = _checksum(to, *row[2:8])
        change = f"UPDATE signal_block SET position = ?, crc = ? {where}"  # noqa: S608 - our words
        connection.execute(change, (to, crc, report, position))


def _row(signal: Signal, report: int, position: int, when: tuple[int, int]) -> tuple[object, ...]:
    codec, samples = _packed(signal)
    n, rate_hz, step, zero = len(signal.samples), signal.rate_hz, signal.step, signal.zero
    crc = _checksum(position, n, rate_hz, codec, step, zero, samples)
    numbers = (n, rate_hz, signal.rms, signal.peak)
    return (report, position, *when, *numbers, codec, step, zero, samples, crc)


def _packed(signal: Signal) -> tuple[str, bytes]:
    numbers: array[Any] = signal.samples if signal.counts is None else signal.counts
    codec, size = ("f4", 4) if signal.counts is None else ("i2", 2)
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    plain = numbers.tobytes()
    shuffled = b"".join(plain[rank::size] for rank in range(size))
    small = zlib.compress(shuffled, LEVEL)
    return (f"{codec}z", small) if len(small) < len(plain) else (codec, plain)


def _unpacked(codec: str, content: bytes) -> "array[Any]":
    numbers: array[Any] = array(_TYPES[codec[:2]])
    if codec.endswith("z"):
        shuffled = zlib.decompressobj().decompress(content, MOST_BYTES)
        n = len(shuffled) // numbers.itemsize
        plain = bytearray(len(shuffled))
        for rank in range(numbers.itemsize):
            plain[rank :: numbers.itemsize] = shuffled[rank * n : (rank + 1) * n]
        content = bytes(plain)
    numbers.frombytes(content)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _checksum(
    position: int, n: int, rate_hz: float, codec: str, step: float, zero: float, samples: bytes
) -> int:
    """CRC-32 of all that a block is, but whose report it is."""
    return zlib.crc32(samples + codec.encode() + _head(position, n, rate_hz, step, zero))
