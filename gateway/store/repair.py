"""Clock repair: what was stored before the clock was right is stamped again, once.

The offset is written down first; the rows follow in short steps, so that a long time without a
clock does not become one long transaction, and a crash half-way loses nothing.
"""

import sqlite3
from typing import Final, NamedTuple

from gateway.store.packing import COLUMNS, Row, row_values

ROWS: Final = 2_000
"""Rows per step and table."""
STEPS: Final = 20
"""Steps that ``repair_clock`` does at once; ``maintain`` does the rest."""

_RECORDS: Final = {
    "sync_row": "at_ms = at_ms + :offset",
    "verdict": "at_ms = at_ms + :offset",
    "decision": "at_ms = at_ms + :offset, verdict = json_set(verdict, '$.at_ms', at_ms + :offset)",
    "command": "created_at_ms = created_at_ms + :offset, expires_at_ms = expires_at_ms + :offset, "
    "sent_at_ms = sent_at_ms + :offset, ended_at_ms = ended_at_ms + :offset",
}


class Repaired(NamedTuple):
    """What one step did."""

    rows: int
    more: bool
    """There may be more to repair."""


def note(connection: sqlite3.Connection, boot: str, offset_ms: int, mono_ms: int) -> bool:
    """Write down how wrong the clock was until ``mono_ms``; false when that was done before."""
    update = (
        "UPDATE boot SET offset_ms = ?, repair_mono_ms = ?, "
        "repair_until = (SELECT coalesce(max(id), 0) FROM report) "
        "WHERE name = ? AND offset_ms IS NULL"
    )
    return connection.execute(update, (offset_ms, mono_ms, boot)).rowcount == 1


def step(connection: sqlite3.Connection) -> Repaired:
    """Repair some rows of the boots whose offset is known; call within a transaction."""
    query = (
        "SELECT id, offset_ms, repair_mono_ms, first_report, repair_until FROM boot "
        "WHERE repair_until IS NOT NULL LIMIT 1"
    )
    found = connection.execute(query).fetchone()
    if found is None:
        return Repaired(0, more=False)
    boot, offset_ms, mono_ms, first, until = found
    records = _records(connection, {"boot": boot, "offset": offset_ms, "mono": mono_ms})
    rows = _rows(connection, first, until)
    old = [row for row in rows if row.boot == boot and not row.clock and row.mono_ms <= mono_ms]
    _move(connection, old, offset_ms)
    if rows:
        after = (rows[-1].id + 1, boot)
        connection.execute("UPDATE boot SET first_report = ? WHERE id = ?", after)
    elif not records:
        connection.execute("UPDATE boot SET repair_until = NULL WHERE id = ?", (boot,))
    return Repaired(len(old) + records, more=True)


def _records(connection: sqlite3.Connection, names: dict[str, int]) -> int:
    done = 0
    for table, changes in _RECORDS.items():
        picked = (
            f"SELECT rowid FROM {table} WHERE boot = :boot AND clock = 0 "  # noqa: S608
            f"AND mono_ms <= :mono ORDER BY rowid LIMIT {ROWS}"
        )
        update = f"UPDATE {table} SET {changes}, clock = 2 WHERE rowid IN ({picked})"  # noqa: S608
        done += connection.execute(update, names).rowcount
    return done


def _rows(connection: sqlite3.Connection, first: int, until: int) -> list[Row]:
    query = f"SELECT {COLUMNS} FROM report WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {ROWS}"  # noqa: S608
    return [Row._make(row) for row in connection.execute(query, (first, until))]


def _move(connection: sqlite3.Connection, rows: list[Row], offset_ms: int) -> None:
    """Stamp rows again; a damaged one is left for the reader to skip."""
    moved = [_shifted(row, offset_ms) for row in rows if row.intact]
    connection.executemany(
        "UPDATE report SET at_ms = ?, received_at_ms = ?, clock = 2, crc = ? WHERE id = ?",
        [(row.at_ms, row.received_at_ms, row_values(row)[-1], row.id) for row in moved],
    )


def _shifted(row: Row, offset_ms: int) -> Row:
    """The row in true time; a time axis that came from the device was true already."""
    own = row.at_ms == row.measured_at_ms and row.at_ms != row.received_at_ms
    return row._replace(
        at_ms=row.at_ms if own else row.at_ms + offset_ms,
        received_at_ms=row.received_at_ms + offset_ms,
        clock=2,
    )
