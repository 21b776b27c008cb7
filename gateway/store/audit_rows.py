"""Whether the rows of decisions and commands still say what their records say.

Each row names, in its column ``audit``, the newest record about it. So a row that was altered, put
back to an earlier state, taken away or slipped in differs from the chain, wherever it stands.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.core.audit import canonical
from gateway.core.audit_bodies import MOVING, REPAIRED, differing
from gateway.core.audit_walk import MOST, Break, Fault

PAGE: Final = 500

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "decision": (
        *("asset", "policy", "event", "mode", "action", "value", "refused", "votes", "verdict"),
    ),
    "command": (
        *("decision_id", "asset", "action", "source", "device", "set_json", "options", "mode"),
        *("state", "reason", "evidence", "deadline_ms"),
        *("created_at_ms", "expires_at_ms", "sent_at_ms", "ended_at_ms"),
    ),
}
_NAMES: Final = {"set_json": "set"}
"""Columns that are called otherwise than what they hold."""
_JSON: Final = frozenset({"verdict", "set_json", "options"})
_WHEN: Final = {"decision": "t.at_ms", "command": "NULL"}


@dataclass(slots=True)
class Ledger:
    """What the chain itself says of rows."""

    floors: dict[str, int] = field(default_factory=dict)
    """Table -> the newest record whose rows retention may have dropped."""
    salvaged: dict[str, int] = field(default_factory=dict)
    """Table -> rows that were copied from a damaged database: these have no records."""
    older: dict[str, int] | None = None
    """Table -> the last row that is older than the chain; None when that is not known."""
    first: int = 1
    """The first record that is kept."""
    salvaging: bool = False
    """Rows of a damaged database are still being copied."""


def row_breaks(
    connection: sqlite3.Connection, ledger: Ledger
) -> tuple[list[Break], dict[str, int]]:
    """What is wrong with rows, and how many rows no record tells of, rightly, by table."""
    found: list[Break] = []
    uncovered: dict[str, int] = {}
    for table in _COLUMNS:
        for one in (*_told(connection, table, ledger), *_untold(connection, table, ledger)):
            if len(found) < MOST:
                found.append(one)
        uncovered[table] = _uncovered(connection, table, ledger)
        if extra := _too_many(connection, table, ledger):
            found.append(extra)
    return found, uncovered


# -- from records to rows -------------------------------------------------------------------------


def _told(connection: sqlite3.Connection, table: str, ledger: Ledger) -> Iterator[Break]:
    columns = ", ".join(f"t.{name}" for name in _COLUMNS[table])
    query = (
        f"SELECT a.seq, a.subject, a.body, t.id, t.audit, t.clock, b.offset_ms, {_WHEN[table]}, "  # noqa: S608
        f"{columns} FROM audit a LEFT JOIN {table} t ON t.id = a.subject "
        "LEFT JOIN boot b ON b.id = t.boot WHERE a.kind = ? AND a.seq > ? ORDER BY a.seq LIMIT ?"
    )
    after = 0
    while page := connection.execute(query, (table, after, PAGE)).fetchall():
        for row in page:
            wrong = _compared(table, row, ledger.floors.get(table, 0))
            if wrong is not None:
                yield wrong
        after = page[-1][0]


def _compared(table: str, row: tuple[Any, ...], floor: int) -> Break | None:
    seq, subject, body, there, audit, clock, offset_ms, at_ms, *values = row
    if there is None:
        told = f"{table} {subject} was recorded, and its row is gone"
        return Break(seq, Fault.ROW_MISSING, told) if seq > floor else None
    names = _wrong(table, body, audit, seq, values, at_ms, offset_ms if clock == REPAIRED else None)
    told = f"{table} {subject}: its row differs in {', '.join(names)}"
    return Break(seq, Fault.ROW_CHANGED, told) if names else None


def _wrong(
    table: str,
    body: str,
    audit: object,
    seq: int,
    values: list[Any],
    at_ms: object,
    offset_ms: int | None,
) -> list[str]:
    """Names of what differs; ``audit`` itself, where it is not what it must be."""
    if not isinstance(audit, int) or (audit < seq and table == "command"):
        return ["audit"]
    try:
        row = _row(table, values)
        told = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return ["what is no JSON"]
    if table == "command" and audit > seq:  # it went on from this state
        row = {name: value for name, value in row.items() if name not in MOVING}
    names = differing(told, row, offset_ms)
    if table == "decision" and not names and row["verdict"].get("at_ms") != at_ms:
        return ["at_ms"]
    return names


def _row(table: str, values: list[Any]) -> dict[str, Any]:
    """A row under the names of the record, its values as canonical JSON would give them back."""
    pairs = zip(_COLUMNS[table], values, strict=True)
    row = {
        _NAMES.get(name, name): json.loads(value) if name in _JSON else value
        for name, value in pairs
    }
    found: dict[str, Any] = json.loads(canonical(row))
    return found


# -- from rows to records -------------------------------------------------------------------------


def _untold(connection: sqlite3.Connection, table: str, ledger: Ledger) -> Iterator[Break]:
    """Rows that name a record which is not about them."""
    query = (
        f"SELECT t.rowid, t.id, t.audit FROM {table} t LEFT JOIN audit a ON a.seq = t.audit "  # noqa: S608
        "WHERE t.rowid > ? AND t.audit >= ? AND (a.kind IS NOT ? OR a.subject IS NOT t.id) "
        "ORDER BY t.rowid LIMIT ?"
    )
    after = -(1 << 62)
    while page := connection.execute(query, (after, ledger.first, table, PAGE)).fetchall():
        for _, id_, audit in page:
            yield Break(audit, Fault.ROW_UNRECORDED, f"{table} {id_} is not what it tells of")
        after = page[-1][0]


def _uncovered(connection: sqlite3.Connection, table: str, ledger: Ledger) -> int:
    query = f"SELECT count(*) FROM {table} WHERE audit IS NULL OR audit < ?"  # noqa: S608
    return int(connection.execute(query, (ledger.first,)).fetchone()[0])


def _too_many(connection: sqlite3.Connection, table: str, ledger: Ledger) -> Break | None:
    """More rows without a record than the chain's beginning and a salvage account for."""
    if ledger.older is None or ledger.salvaging:
        return None
    query = f"SELECT count(*), max(id) FROM {table} WHERE audit IS NULL AND rowid > ?"  # noqa: S608
    count, newest = connection.execute(query, (ledger.older.get(table, 0),)).fetchone()
    known = ledger.salvaged.get(table, 0)
    if count <= known:
        return None
    told = f"{count - known} rows of {table} have no record, {newest} among them"
    return Break(ledger.first, Fault.ROW_UNRECORDED, told)
