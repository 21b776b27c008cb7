"""Clock repair: what was stored before the clock was right is stamped again, once.

The offset is written down first; the rows follow in short steps, so that a long time without a
clock does not become one long transaction, and a crash half-way loses nothing.
"""

import sqlite3
from typing import Final

from gateway.store.packing import COLUMNS, Row, row_values

ROWS: Final = 2_000
"""Rows per step and table."""
STEPS: Final = 20
"""Steps that ``repair_clock`` does at once; ``maintain`` does the rest."""

_RECORDS: Final = {
    "verdict": "at_ms = at_ms + :offset",
    "decision": "at_ms = at_ms + :offset, verdict = json_set(verdict, '$.at_ms', at_ms + :offset)",
    "command": "created_at_ms = created_at_ms + :offset, expires_at_ms = expires_at_ms + :offset, "
    "sent_at_ms = sent_at_ms + :offset, ended_at_ms = ended_at_ms + :offset",
}


def note(connection: sqlite3.Connection, boot: str, offset_ms: int, mono_ms: int) -> bool:
    """Write down how wrong the clock was until ``mono_ms``; false when that was done before."""
    update = (
        "UPDATE boot SET offset_ms = ?, repair_mono_ms = ? WHERE name = ? AND offset_ms IS NULL"
    )
    return connection.execute(update, (offset_ms, mono_ms, boot)).rowcount == 1


def step(connection: sqlite3.Connection) -> int:
    """Repair some rows of the boots whose offset is known; how many. Call within a transaction."""
    boots = "SELECT id, offset_ms, repair_mono_ms FROM boot WHERE offset_ms IS NOT NULL"
    done = 0
    for boot, offset_ms, mono_ms in connection.execute(boots).fetchall():
        done += _reports(connection, boot, offset_ms, mono_ms)
        for table, changes in _RECORDS.items():
            names = {"boot": boot, "offset": offset_ms, "mono": mono_ms, "rows": ROWS}
            rows = (
                f"SELECT rowid FROM {table} WHERE boot = :boot AND clock = 0 "  # noqa: S608
                "AND mono_ms <= :mono ORDER BY rowid LIMIT :rows"
            )
            update = f"UPDATE {table} SET {changes}, clock = 2 WHERE rowid IN ({rows})"  # noqa: S608
            done += connection.execute(update, names).rowcount
    return done


def _reports(connection: sqlite3.Connection, boot: int, offset_ms: int, mono_ms: int) -> int:
    query = (
        f"SELECT {COLUMNS} FROM report WHERE boot = ? AND clock = 0 AND mono_ms <= ? "  # noqa: S608
        "ORDER BY id LIMIT ?"
    )
    rows = [Row._make(row) for row in connection.execute(query, (boot, mono_ms, ROWS))]
    good = [_shifted(row, offset_ms) for row in rows if row.intact]
    connection.executemany(
        "UPDATE report SET at_ms = ?, received_at_ms = ?, clock = 2, crc = ? WHERE id = ?",
        [(row.at_ms, row.received_at_ms, row_values(row)[-1], row.id) for row in good],
    )
    bad = [(row.id,) for row in rows if not row.intact]  # still bad, but not looked at again
    connection.executemany("UPDATE report SET clock = 2 WHERE id = ?", bad)
    return len(rows)


def _shifted(row: Row, offset_ms: int) -> Row:
    """The row in true time; a time axis that came from the device was true already."""
    own = row.at_ms == row.measured_at_ms and row.at_ms != row.received_at_ms
    return row._replace(
        at_ms=row.at_ms if own else row.at_ms + offset_ms,
        received_at_ms=row.received_at_ms + offset_ms,
        clock=2,
    )
