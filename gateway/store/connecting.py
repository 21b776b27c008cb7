"""Connections: the one that writes, and those that only read; pragmas, with their reasons."""

import sqlite3
from pathlib import Path
from typing import Final

from gateway.store.files import beside, free_bytes, lengthen
from gateway.store.settings import StoreSettings

PAGE_SIZE: Final = 1024
"""Bytes; see docs/decisions/0002-store-schema.md for what was measured."""
CHECKPOINT_PAGES: Final = 1024
"""Of the WAL; ``store.merging`` looks after it. Half as much again is SQLite's own affair."""
WAL_LIMIT: Final = 2 * 1024**2
"""A WAL is made so long at once, where the disk has room: a commit that makes it longer writes the
file system's journal, too, 20 kB. A longer one is cut back when it is next started from the front.
"""
ROOMY: Final = 16
"""A disk that has so many times its room, beyond what must stay free, is not the poorer for it."""
WAIT_S: Final = 5.0

_FIXED: Final = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""First versions, of each line, with the fix of the WAL-reset bug (sqlite.org/wal.html)."""


def reset_bug_fixed(version: tuple[int, int, int]) -> bool:
    """Tell whether this SQLite cannot lose commits when several connections checkpoint."""
    return version >= _FIXED[-1] or any(
        first[:2] == version[:2] <= version >= first for first in _FIXED
    )


def connect_writer(path: Path, settings: StoreSettings) -> sqlite3.Connection:
    """The one connection that writes and checkpoints.

    Raises:
        sqlite3.Error: it cannot be opened, or is no database.
    """
    connection = sqlite3.connect(
        path, timeout=WAIT_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        _prepare(connection, settings)
        if free_bytes(path) >= settings.min_free_bytes + ROOMY * WAL_LIMIT:
            lengthen(beside(path, "-wal"), WAL_LIMIT)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, settings: StoreSettings) -> None:
    (old,) = connection.execute("PRAGMA page_count").fetchone()
    # These two work only before the first page is written; later, auto_vacuum costs a write.
    first = () if old else (f"page_size = {PAGE_SIZE}", "auto_vacuum = INCREMENTAL")
    synchronous = "NORMAL" if settings.durability == "normal" else "FULL"
    for pragma in (
        *first,
        "journal_mode = WAL",
        f"synchronous = {synchronous}",
        f"wal_autocheckpoint = {3 * CHECKPOINT_PAGES // 2}",
        f"journal_size_limit = {WAL_LIMIT}",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "mmap_size = 0",  # a stray write or a torn page must not reach the file through memory
        "temp_store = MEMORY",
        "secure_delete = FAST",  # zeros over what is deleted, where that writes no more pages
        "cache_size = -2048",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    pages = max(settings.max_bytes // page_size, 64)
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, beside a running daemon or without one.

    On a read-only file system SQLite cannot make the -shm file that a WAL database needs, and only
    ``immutable`` opens it. That is safe only without a -wal file: with one it reads old pages.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    try:
        return _open_reader(path, "mode=ro")
    except sqlite3.OperationalError:
        if beside(path, "-wal").exists() or not path.exists():
            raise
        return _open_reader(path, "mode=ro&immutable=1")


def _open_reader(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=WAIT_S, isolation_level=None
    )
    try:
        for pragma in ("query_only = ON", "trusted_schema = OFF", "mmap_size = 0"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
