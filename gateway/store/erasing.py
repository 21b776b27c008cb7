"""Erasing: everything of one device goes, and its bytes with it.

Rows are deleted in small transactions; then the file is written anew (VACUUM), since SQLite leaves
what was deleted in free pages, and copies of it where a page was split. Damaged databases that were
set aside hold the device too: they are removed. The audit chain is not touched: a record that could
be changed would prove nothing.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gateway.errors import StoreBusyError, StoreFullError
from gateway.store import salvage, sync_erasing
from gateway.store.faults import transaction
from gateway.store.files import aside, beside, free_bytes, size_of
from gateway.store.packing import INSERT, Row, checksum, intern_layout

ROWS: Final = 2_000
SPARE: Final = 2
"""Written anew, the file is a temporary one first, and then passes through the WAL."""


class Erased(NamedTuple):
    """What one device had left behind."""

    reports: int = 0
    hours: int = 0
    rejects: int = 0
    kept: int = 0
    verdicts: int = 0
    outbox: int = 0
    files: int = 0
    """Damaged databases that were removed."""
    audit_records: int = 0
    """Records of the chain that name it; they stay."""


def erase(connection: sqlite3.Connection, path: Path, source: str, device: str) -> Erased:
    """Delete everything of a device and overwrite where it was.

    Raises:
        StoreBusyError: a damaged database is being copied; later.
        StoreFullError: the file cannot be written anew; nothing was deleted.
        sqlite3.Error: as SQLite has it.
    """
    if salvage.pending(connection):
        raise StoreBusyError("a damaged database is still being copied: ask again in some minutes")
    need = size_of(path) * SPARE
    if free_bytes(path) < need:
        raise StoreFullError(f"erasing takes {need} bytes of free disk while it works")
    untaken = sync_erasing.forget(path, device)
    done = _deleted(connection, source, device)
    done = done._replace(outbox=done.outbox + untaken)
    files = _remove_aside(path)
    connection.execute("PRAGMA temp_store = FILE").fetchall()  # a file of gigabytes is no memory's
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return done._replace(files=files)


def _deleted(connection: sqlite3.Connection, source: str, device: str) -> Erased:
    series = _series(connection, source, device)
    marks = ",".join(str(one) for one, _, _ in series) or "NULL"
    reports = _reports(connection, marks)
    verdicts = sum(_verdicts(connection, asset, metric) for _, asset, metric in series if asset)
    with transaction(connection):
        hours = _run(connection, f"DELETE FROM reading_hour WHERE series IN ({marks})")  # noqa: S608
        _layouts(connection, marks)
        rejects = _naming(connection, "reject", ("topic", "payload", "detail"), device, source)
        outbox = _naming(connection, "outbox", ("topic", "payload"), device)
        outbox += _naming(connection, "sync_row", ("body",), device)
        kept = _naming(connection, "kept", ("key", "text"), device)
        named = f"SELECT count(*) FROM audit WHERE {_where(('subject', 'body'))}"  # noqa: S608
        (records,) = connection.execute(named, (device, device)).fetchone()
    return Erased(reports, hours, rejects, kept, verdicts, outbox, 0, records)


def _series(connection: sqlite3.Connection, source: str, device: str) -> list[tuple[int, str, str]]:
    query = "SELECT id, asset, metric FROM series WHERE source = ? AND device = ?"
    return connection.execute(query, (source, device)).fetchall()


def _reports(connection: sqlite3.Connection, marks: str) -> int:
    """Delete the reports of these series, from the front, in small transactions."""
    query = f"SELECT DISTINCT layout FROM layout_item WHERE series IN ({marks})"  # noqa: S608
    layouts = ",".join(str(one) for (one,) in connection.execute(query)) or "NULL"
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM report").fetchone()
    total = 0
    for first, end in _steps(connection, last):
        picked = f"SELECT id FROM report WHERE id BETWEEN ? AND ? AND layout IN ({layouts})"  # noqa: S608
        with transaction(connection):
            ids = [(one,) for (one,) in connection.execute(picked, (first, end))]
            connection.executemany("DELETE FROM signal_block WHERE report = ?", ids)
            connection.executemany("DELETE FROM report WHERE id = ?", ids)
            if (last,) in ids:  # row ids must never start again
                connection.execute(INSERT, _empty(connection, last))
        total += len(ids)
    return total


def _steps(connection: sqlite3.Connection, last: int) -> Iterator[tuple[int, int]]:
    (first,) = connection.execute("SELECT coalesce(min(id), 1) FROM report").fetchone()
    for start in range(first, last + 1, ROWS):
        yield start, min(start + ROWS - 1, last)


def _empty(connection: sqlite3.Connection, last: int) -> tuple[object, ...]:
    """A report without readings, in the place of the newest one."""
    boot = connection.execute("SELECT id, last_mono_ms FROM boot ORDER BY id DESC").fetchone()
    layout = intern_layout(connection, [])
    row = Row(last, layout, boot[0], 0, 0, boot[1], None, None, 0, None, b"[]", None, 0)
    row = row._replace(crc=checksum(row))
    return (*row[:10], "[]", None, row.crc)


def _layouts(connection: sqlite3.Connection, marks: str) -> None:
    query = f"SELECT DISTINCT layout FROM layout_item WHERE series IN ({marks})"  # noqa: S608
    layouts = connection.execute(query).fetchall()
    connection.executemany("DELETE FROM layout_item WHERE layout = ?", layouts)
    connection.executemany("DELETE FROM layout WHERE id = ?", layouts)
    connection.execute(f"DELETE FROM series WHERE id IN ({marks})")  # noqa: S608


def _verdicts(connection: sqlite3.Connection, asset: str, metric: str) -> int:
    """Take a metric's values out of the inputs of its asset's verdicts."""
    changed = 0
    query = "SELECT id, inputs FROM verdict WHERE asset = ? AND id > ? ORDER BY id LIMIT ?"
    after = 0
    while rows := connection.execute(query, (asset, after, ROWS)).fetchall():
        after = rows[-1][0]
        found = [(_without(text, metric), id_) for id_, text in rows]
        found = [one for one in found if one[0]]
        with transaction(connection):
            connection.executemany("UPDATE verdict SET inputs = ? WHERE id = ?", found)
        changed += len(found)
    return changed


def _without(text: str, metric: str) -> str:
    """The inputs without a metric; empty when it is not there."""
    tree = json.loads(text)
    if not isinstance(tree, dict) or metric not in tree:
        return ""
    del tree[metric]
    return json.dumps(tree, separators=(",", ":"))


def _naming(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    device: str,
    source: str = "",
) -> int:
    """Delete the rows that name a device; how many."""
    only = " AND source = ?" if source else ""
    parameters = (*(device,) * len(columns), *((source,) if source else ()))
    return _run(connection, f"DELETE FROM {table} WHERE ({_where(columns)}){only}", *parameters)  # noqa: S608


def _where(columns: tuple[str, ...]) -> str:
    """Small letters and capitals are one: devEUIs are written in both."""
    hit = "instr(lower(CAST({} AS TEXT)), lower(?))"
    return " OR ".join(hit.format(one) for one in columns)


def _run(connection: sqlite3.Connection, statement: str, *parameters: object) -> int:
    return connection.execute(statement, parameters).rowcount


def _remove_aside(path: Path) -> int:
    """Damaged databases hold what they held."""
    old = aside(path)
    for one in old:
        for suffix in ("-wal", "-shm", ""):
            beside(one, suffix).unlink(missing_ok=True)
    return len(old)
