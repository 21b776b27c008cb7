"""How the readings of one message become one row, and back.

The values of a row are a JSON array in the order of its layout, so that a plain SQLite shell can
read them; ``marks`` is the array of reasons, and NULL when every one is ``ok``. The checksum covers
every column but the row id: one flipped bit in a closed file passes ``quick_check`` often enough.
"""

import json
import sqlite3
import struct
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import orjson

from gateway.core.messages import Origin, Reason
from gateway.core.readings import Metric, Value
from gateway.store.batch import StoredReport

INSERT: Final = "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
COLUMNS: Final = (
    "id, layout, boot, at_ms, received_at_ms, mono_ms, measured_at_ms, origin, clock, key, "
    "CAST(value_list AS BLOB), CAST(marks AS BLOB), crc"
)
"""Text as bytes: a damaged text that is not UTF-8 would end the whole query."""

_numbers: Final = struct.Struct("<8q").pack
_ORIGINS: Final[dict[Origin, str]] = {
    origin: str(origin.value) for origin in Origin if origin is not Origin.NONE
}
_MAX_LAYOUTS: Final = 4_096
"""Cached ones; past it the cache starts anew (a device with ever new fields fills it)."""
_encode: Final = cast(
    "Callable[[object], str]", json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
)


class Layout(NamedTuple):
    """The series of one message, in order."""

    id: int
    good: tuple[Reason, ...]
    """The reasons of a message in which all is well."""


class Row(NamedTuple):
    """One row of ``report``, as ``COLUMNS`` reads it."""

    id: int
    layout: int
    boot: int
    at_ms: int
    received_at_ms: int
    mono_ms: int
    measured_at_ms: int | None
    origin: str | None
    clock: int
    key: int | None
    value_list: bytes
    marks: bytes | None
    crc: int

    @property
    def intact(self) -> bool:
        """The checksum holds; false for types that only damage can cause, too.

        A flipped bit makes an absent column 0, which the checksum takes for absent as well.
        """
        measured_at_ms = None if self.origin else self.measured_at_ms
        absent = (self.marks, self.origin, self.key, measured_at_ms)
        if not all(one is None or one for one in absent):
            return False
        try:
            return self.crc == checksum(self)
        except (TypeError, AttributeError, struct.error):
            return False

    def values(self) -> list[Value]:
        """The values, in the order of the layout."""
        try:
            return cast("list[Value]", orjson.loads(self.value_list))
        except orjson.JSONDecodeError:  # a half surrogate, which a device can say
            return cast("list[Value]", json.loads(self.value_list))

    def reasons(self, n: int) -> list[str]:
        """The reasons of ``n`` values, in the same order."""
        return cast("list[str]", json.loads(self.marks)) if self.marks else ["ok"] * n


def checksum(row: Row) -> int:
    """CRC-32 of the texts and the numbers, all but the row id."""
    text = row.value_list + (row.marks or b"") + (row.origin or "").encode()
    numbers = (*row[1:6], row.measured_at_ms or 0, row.clock, row.key or 0)
    return zlib.crc32(text + _numbers(*numbers))


def row_values(row: Row) -> tuple[object, ...]:
    """The row as ``INSERT`` takes it, with its checksum made anew."""
    texts = (row.value_list.decode(), row.marks.decode() if row.marks else None)
    return (*row[:10], *texts, checksum(row))


def _text(values: tuple[Value, ...]) -> str:
    """The values as JSON.

    orjson refuses lone surrogates and integers beyond 64 bits, and calls NaN null.

    Raises:
        ValueError: a number is not finite.
    """
    try:
        text = orjson.dumps(values)
    except orjson.JSONEncodeError:
        return _encode(values)
    return _encode(values) if b"null" in text else text.decode()


class Packer:
    """Turns reports into rows; knows the ids of series and layouts.

    New ones are inserted on the way, in the caller's transaction: after a rollback call ``forget``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._layouts: dict[tuple[Metric, ...], Layout] = {}

    def forget(self) -> None:
        """Start with an empty cache."""
        self._layouts.clear()

    def pack(self, stored: StoredReport, row_id: int, boot: int) -> tuple[object, ...]:
        """One row of ``report``."""
        report, key, clock_ok = stored
        _, _, readings, at_ms, received_at_ms, mono_ms, measured, origin, _, _ = report
        metrics, values, reasons = readings.metrics, readings.values, readings.reasons
        layout = self._layouts.get(metrics) or self._layout(metrics)
        text = _text(values)
        marks = None if reasons == layout.good else _encode([str(reason) for reason in reasons])
        word = None if origin is Origin.NONE else _ORIGINS[origin]
        clock = 1 if clock_ok else 0
        body = text if marks is None else text + marks
        if word is not None:
            body += word
        numbers = (layout.id, boot, at_ms, received_at_ms, mono_ms)
        crc = zlib.crc32(body.encode() + _numbers(*numbers, measured or 0, clock, key))
        return (row_id, *numbers, measured, word, clock, key or None, text, marks, crc)

    def _layout(self, metrics: tuple[Metric, ...]) -> Layout:
        if len(self._layouts) >= _MAX_LAYOUTS:
            self._layouts.clear()
        series = [self._series(metric) for metric in metrics]
        good = (Reason.OK,) * len(metrics)
        layout = Layout(intern_layout(self._connection, series), good)
        self._layouts[metrics] = layout
        return layout

    def _series(self, metric: Metric) -> int:
        named = (metric.key, metric.asset, metric.source, metric.device, metric.name, metric.unit)
        return intern_series(self._connection, tuple(map(plain, named)))


def intern_series(connection: sqlite3.Connection, named: tuple[str, ...]) -> int:
    """Id of the series (key, asset, source, device, metric, unit), new or not."""
    key, _, source, device, _, unit = named
    query = "SELECT id FROM series WHERE key = ? AND source = ? AND device = ? AND unit = ?"
    found = connection.execute(query, (key, source, device, unit)).fetchone()
    if found is not None:
        return int(found[0])
    insert = "INSERT INTO series (key, asset, source, device, metric, unit) VALUES (?,?,?,?,?,?)"
    return int(connection.execute(insert, named).lastrowid or 0)


def intern_layout(connection: sqlite3.Connection, series: list[int]) -> int:
    """Id of the layout with these series, new or not."""
    text = _encode(series)
    query = "SELECT id FROM layout WHERE series_list = ?"
    found = connection.execute(query, (text,)).fetchone()
    if found is not None:
        return int(found[0])
    insert = "INSERT INTO layout (series_list) VALUES (?)"
    layout = int(connection.execute(insert, (text,)).lastrowid or 0)
    items = ((layout, position, one) for position, one in enumerate(series))
    connection.executemany("INSERT INTO layout_item VALUES (?, ?, ?)", items)
    return layout


def plain(text: str) -> str:
    """The same text, with lone surrogates (JSON can carry them) as escapes: SQLite has UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text
