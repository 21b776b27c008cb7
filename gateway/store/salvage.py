"""Salvage: copy what can be read from a damaged database into the new one, a little at a time.

The small tables come first, since the daemon asks for open commands at once; then reports, the
newest first, each one only if its checksum holds. A range of rows that cannot be read is halved
until the damaged ones are alone; reports that no tree leads to are carved from their pages then.
How far it came is kept in the new database, in the transaction of the rows themselves, so a restart
goes on where it stopped.

Salvaged reports get row ids below zero, downwards; what is stored meanwhile is not in the way.
"""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gateway.core.audit import When
from gateway.store import blocks, carving, salvage_audit
from gateway.store.boots import Boot
from gateway.store.faults import transaction
from gateway.store.packing import COLUMNS, INSERT, Row, row_values
from gateway.store.remapping import Remapping

RANGE: Final = 1_000
"""Rows per step."""
STEPS: Final = 64
"""Steps per transaction, at most."""
MAX_DAMAGED: Final = 20_000
"""Ranges that could not be read, after which a table is given up."""
_UNKNOWN_END: Final = 1 << 48
"""More rows than there ever are."""

_TABLES: Final = (
    *("counter", "kept", "command", "decision", "outbox", "sync_row"),
    *("audit", "audit_before", "report", carving.TABLE, "verdict", "reading_hour", "reject"),
)
_NUMBERED: Final = ("verdict", "reading_hour", "reject", "audit_before")
"""Their row ids are given anew."""
_WITHOUT_ROWID: Final = ("counter", "kept")


def begin(connection: sqlite3.Connection, damaged: Path, damage: str, when: When) -> None:
    """Note in the new database that there is something to salvage; call within a transaction."""
    epoch = salvage_audit.begin(connection, damaged, damage, when)
    state = {"path": str(damaged), "tables": list(_TABLES), "ranges": None, "damaged": 0}
    _save(connection, state | carving.START | {"epoch": epoch, "copied": {}})


def pending(connection: sqlite3.Connection) -> bool:
    """There is something left to salvage."""
    return _load(connection) is not None


def run(connection: sqlite3.Connection, boot: Boot, seconds: float) -> int:
    """Salvage for at most so long; how many rows were copied.

    Raises:
        sqlite3.Error: the new database failed; errors of the old one only shorten the work.
    """
    state = _load(connection)
    if state is None:
        return 0
    end, rows = time.monotonic() + seconds, 0
    try:
        old = sqlite3.connect(state["path"], isolation_level=None)
    except sqlite3.Error:
        state["tables"] = []
    else:
        with closing(old):
            # Without it SQLite reads nothing of a file that is shorter than its header says.
            old.execute("PRAGMA writable_schema = ON")
            old.text_factory = _text
            salvage = Salvage(old, connection, boot)
            while state["tables"] and time.monotonic() < end:
                with transaction(connection):
                    rows += salvage.steps(state)
                    _save(connection, state)
    if not state["tables"]:
        with transaction(connection):
            connection.execute("DELETE FROM meta WHERE name = 'salvage'")
            salvage_audit.done(connection, state)
    return rows


class Salvage:
    """One damaged database and the new one."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, boot: Boot) -> None:
        self._old = old
        self._new = new
        self._ids = Remapping(old, new, boot)

    def steps(self, state: dict[str, Any]) -> int:
        """Some steps of one transaction: damaged ranges are small, and a commit is not free."""
        rows = 0
        for _ in range(STEPS):
            if not state["tables"] or rows >= RANGE:
                break
            rows += self.step(state)
        return rows

    def step(self, state: dict[str, Any]) -> int:
        """Copy one range of the present table; move ``state`` on. Returns how many rows."""
        table = state["tables"][0]
        if table == carving.TABLE:
            copied = self._write_reports(list(carving.step(state, RANGE)))
            state["copied"]["report"] = state["copied"].get("report", 0) + copied
            return copied
        if state["ranges"] is None:
            low, high = self._whole(table)
            state["ranges"] = [[1 if low is None else low, high]]
            state["damaged"] = 0
            if table == "report":
                last = self._end("SELECT max(rowid) FROM report")
                state |= {"low": low, "high": last}
        if not state["ranges"] or state["damaged"] > MAX_DAMAGED:
            state["tables"].pop(0)
            state["ranges"] = None
            return 0
        low, high = state["ranges"].pop()
        if high - low >= RANGE:
            state["ranges"].append([low, high - RANGE])
            low = high - RANGE + 1
        rows, reached = self._read(table, low, high)
        if table == "report":
            carving.read(state, (row[0] for row in rows))
        if reached > low:  # damaged somewhere below ``reached``
            state["damaged"] += 1
            state["ranges"].extend(_halves(low, reached - 1, whole=reached > high))
        copied = self._write(table, rows, state["epoch"])
        state["copied"][table] = state["copied"].get(table, 0) + copied
        return copied

    def _whole(self, table: str) -> tuple[int | None, int]:
        """The first row id (None: not to be had) and the last."""
        if table in _WITHOUT_ROWID:
            return 0, 0
        try:
            self._old.execute(f"SELECT 1 FROM {table} LIMIT 0")  # noqa: S608 - our own names
        except sqlite3.Error:  # not even the schema can be read
            return None, -1
        high = self._end(f"SELECT max(rowid) FROM {table}")  # noqa: S608 - our own names
        if high is None and table == "report":  # the index is another tree
            high = self._end("SELECT rowid FROM report ORDER BY at_ms DESC LIMIT 1")
        if high is None:
            high = self._last_readable(table)
        low = self._end(f"SELECT min(rowid) FROM {table}")  # noqa: S608
        if low is None:
            low = self._end(f"SELECT min(rowid) FROM {table} WHERE rowid > 0")  # noqa: S608
        return low, high

    def _last_readable(self, table: str) -> int:
        """The highest row id that can be read, where the end of the table cannot: by halving."""
        low, high = 0, _UNKNOWN_END
        while low < high:
            middle = (low + high + 1) // 2
            query = f"SELECT rowid FROM {table} WHERE rowid >= {middle} ORDER BY rowid LIMIT 1"  # noqa: S608
            found = self._end(query)
            low, high = (low, middle - 1) if found is None else (found, high)
        return low

    def _end(self, query: str) -> int | None:
        """One end of a table; None when it cannot be read or there are no rows."""
        try:
            row = self._old.execute(query).fetchone()
        except sqlite3.Error:
            return None
        return None if row is None or row[0] is None else int(row[0])

    def _read(self, table: str, low: int, high: int) -> tuple[list[tuple[Any, ...]], int]:
        """Rows from ``high`` downwards, and the last row id reached (``low`` when all were)."""
        columns = COLUMNS if table == "report" else "*" if table in _WITHOUT_ROWID else "rowid, *"
        where = "" if table in _WITHOUT_ROWID else "WHERE rowid BETWEEN ? AND ? ORDER BY rowid DESC"
        rows: list[tuple[Any, ...]] = []
        reached = high + 1
        try:
            found = self._old.execute(
                f"SELECT {columns} FROM {table} {where}",  # noqa: S608
                (low, high) if where else (),
            )
            for row in found:
                rows.append(row)
                reached = row[0] if where else reached
        except sqlite3.Error:
            return rows, reached if where else low
        return rows, low

    def _write(self, table: str, rows: list[tuple[Any, ...]], epoch: str) -> int:
        if table == "report":
            return self._write_reports(rows)
        if table == "audit":
            return salvage_audit.copy(self._new, rows, epoch)
        if not rows:
            return 0
        names = [name for _, name, *_ in self._new.execute(f"PRAGMA table_info({table})")]
        copies = [one for row in rows if (one := self._copy(table, names, row)) is not None]
        marks = ", ".join("?" * len(names))
        insert = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608
        return self._new.executemany(insert, copies).rowcount if copies else 0

    def _copy(self, table: str, names: list[str], row: tuple[Any, ...]) -> list[Any] | None:
        values = list(row if table in _WITHOUT_ROWID else row[1:])
        values += [None] * (len(names) - len(values))  # columns that came with a later schema
        if len(values) != len(names):
            return None
        for place, name in enumerate(names):
            if name == "audit" or (name == "id" and table in _NUMBERED):
                values[place] = None  # records are of the old chain
            elif name == "boot":
                values[place] = self._ids.boot(values[place])
            elif name == "series":
                values[place] = self._ids.series(values[place])
        return values

    def _write_reports(self, rows: list[tuple[Any, ...]]) -> int:
        (lowest,) = self._new.execute("SELECT min(0, coalesce(min(id), 0)) FROM report").fetchone()
        before = lowest
        for row in map(Row._make, rows):
            layout = self._ids.layout(row) if row.intact else None
            if layout is None:
                continue
            lowest -= 1
            moved = row._replace(id=lowest, layout=layout, boot=self._ids.boot(row.boot))
            self._new.execute(INSERT, row_values(moved))
            blocks.copy(self._old, self._new, row.id, (moved.id, moved.boot))
        return int(before - lowest)


def _halves(low: int, high: int, *, whole: bool) -> list[list[int]]:
    """What is left to try below a damaged place; one row alone is given up, tried ``whole``."""
    if low > high or (low == high and whole):
        return []
    middle = (low + high) // 2
    return [[low, middle], [middle + 1, high]] if low < high else [[low, high]]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _save(connection: sqlite3.Connection, state: dict[str, Any]) -> None:
    insert = "INSERT INTO meta VALUES ('salvage', ?) ON CONFLICT DO UPDATE SET text = excluded.text"
    connection.execute(insert, (json.dumps(state),))


def _load(connection: sqlite3.Connection) -> dict[str, Any] | None:
    row = connection.execute("SELECT text FROM meta WHERE name = 'salvage'").fetchone()
    return None if row is None else {"epoch": "", "copied": {}} | json.loads(row[0])
