"""The tables of the PostgreSQL sink, and rows as lines of ``COPY ... FROM STDIN`` in text format.

A kind of row has the table of its name, else it goes to ``event``, whose ``body`` holds what has no
column. Every table begins with the row's time, as hypertables want it, and carries the row's
identity (``stream``, ``seq``); no unique index is needed, for the cursor lets nothing in twice.

Text format: PostgreSQL 16 documentation, COPY, "File Formats". The server reads the values: it
alone says which ones it refuses.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gateway.core.batches import Row

_NULL: Final = "\\N"
_NUMBERS: Final = (float, int)
"""``float | int`` would be made anew for each value."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Column(NamedTuple):
    """Of a table: what PostgreSQL calls its type, and how a value is written."""

    name: str
    type: str
    field: str
    """Of the row."""
    write: Callable[[Any], str]


class Table(NamedTuple):
    """Where the rows of a kind go."""

    name: str
    columns: tuple[Column, ...]


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


_name = lru_cache(4_096)(_escaped)
"""Of assets, metrics, units: few, and the same again and again."""


def _text(value: Any) -> str:
    if value is None:
        return _NULL
    return _name(value) if isinstance(value, str) else _escaped(_json(value))


def _number(value: Any) -> str:
    return repr(value) if isinstance(value, _NUMBERS) else _text(value)


@lru_cache(4_096)
def _second(second: int) -> str:
    """Readings share seconds, and making one costs ten times as much as finding it."""
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def _time(value: Any) -> str:
    if type(value) is not int:
        return _text(value)
    second, ms = divmod(value, 1000)
    try:
        return f"{_second(second)}.{ms:03}+00"
    except (ValueError, OverflowError):
        return _text(value)


def _body(value: Any) -> str:
    return _escaped(_json(value))


_AT = Column("at", "timestamptz NOT NULL", "at_ms", _time)
_SEQ = Column("seq", "bigint NOT NULL", "seq", _number)
_NAMES: Final = ("asset", "source", "device", "metric", "unit")
_METRIC = tuple(Column(name, "text", name, _text) for name in _NAMES)


@lru_cache(4_096, typed=True)
def _joined(*values: Any) -> str:
    """Names go together: few, and the same again and again. ``typed``, for 1 is true otherwise."""
    return "\t".join(map(_text, values))


def _named(row: Row) -> str:
    values = map(row.get, _NAMES)
    try:
        return _joined(*values)
    except TypeError:  # a list or an object where a name should be
        return "\t".join(_text(row.get(name)) for name in _NAMES)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "double precision", name, _number) for name in names)


READING = Table(
    "reading",
    (
        _AT,
        _SEQ,
        *_METRIC,
        *_numbers("value"),
        Column("reason", "text", "reason", _text),
        Column("received_at", "timestamptz", "received_at_ms", _time),
        Column("clock", "smallint", "clock", _number),
    ),
)
_COUNT = Column("n", "bigint", "n", _number)
MINUTE = Table(
    "reading_1m", (_AT, _SEQ, *_METRIC, _COUNT, *_numbers("low", "mean", "high", "last"))
)
HOUR = Table("reading_1h", (_AT, _SEQ, *_METRIC, _COUNT, *_numbers("low", "mean", "high")))
EVENT = Table(
    "event",
    (
        _AT,
        _SEQ,
        Column("kind", "text NOT NULL", "kind", _text),
        Column("asset", "text", "asset", _text),
        Column("body", "jsonb NOT NULL", "body", _body),
    ),
)
TABLES: Final = (READING, MINUTE, HOUR, EVENT)
_BY_KIND: Final = {table.name: table for table in TABLES if table is not EVENT}
_OF_EVENTS: Final = {"seq", "kind", "at_ms", "asset"}


def by_table(rows: Iterable[Row]) -> dict[Table, list[Row]]:
    """Sort rows into their tables, in their order."""
    sorted_: dict[Table, list[Row]] = {}
    for row in rows:
        sorted_.setdefault(_BY_KIND.get(row.get("kind", ""), EVENT), []).append(row)
    return sorted_


def lines(table: Table, stream: int, gateway: str, rows: Sequence[Row]) -> bytes:
    """Rows in text format, in the order of ``names``; a lone surrogate is left to the server."""
    head = f"{stream}\t{_name(gateway)}\t"
    write = _event_line if table is EVENT else _reading_line
    rest = [(column.field, column.write) for column in table.columns[2 + len(_NAMES) :]]
    text = "\n".join([head + write(row, rest) for row in rows])
    return f"{text}\n".encode(errors="surrogatepass")


def _reading_line(row: Row, rest: Sequence[tuple[str, Callable[[Any], str]]]) -> str:
    """Of a table that begins with time, number and the names of a metric."""
    get = row.get
    begin = f"{_time(get('at_ms'))}\t{_number(get('seq'))}\t{_named(row)}\t"
    return begin + "\t".join([write(get(field)) for field, write in rest])


def _event_line(row: Row, _: object) -> str:
    told = _event(row)
    return "\t".join([column.write(told.get(column.field)) for column in EVENT.columns])


def names(table: Table) -> tuple[str, ...]:
    """The columns in the order of ``lines``."""
    return ("stream", "gateway", *(column.name for column in table.columns))


def _event(row: Row) -> Row:
    """What has no column becomes the body; a body that is alone stays as it is."""
    rest = {name: value for name, value in row.items() if name not in _OF_EVENTS}
    known = {name: value for name, value in row.items() if name in _OF_EVENTS}
    return {**known, "body": rest["body"] if rest.keys() == {"body"} else rest}


_STREAM: Final = """CREATE TABLE IF NOT EXISTS stream (
id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
gateway text NOT NULL, epoch text NOT NULL, lane text NOT NULL,
seq bigint NOT NULL DEFAULT 0, position text NOT NULL DEFAULT '',
moved_at timestamptz NOT NULL DEFAULT now(), UNIQUE (gateway, epoch, lane))"""
_REFUSED: Final = """CREATE TABLE IF NOT EXISTS refused (
stream integer NOT NULL, seq bigint NOT NULL, reason text NOT NULL, PRIMARY KEY (stream, seq))"""


def _table(table: Table) -> str:
    at, *others = (f"{column.name} {column.type}" for column in table.columns)
    columns = (at, "stream integer NOT NULL", "gateway text NOT NULL", *others)
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns)})"


def _index(table: Table) -> str:
    by = "asset, kind" if table is EVENT else "asset, metric"
    return f"CREATE INDEX IF NOT EXISTS {table.name}_at ON {table.name} (at, {by})"


STATEMENTS: Final = (_STREAM, _REFUSED, *map(_table, TABLES), *map(_index, TABLES))
"""They make what is missing, on the search path."""
