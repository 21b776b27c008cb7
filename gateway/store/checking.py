"""Checking a database file before it is used."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from gateway.store.files import beside

_STEPS: Final = 20_000
"""Virtual machine steps between two looks at the clock, about a millisecond."""


def quick_check(connection: sqlite3.Connection, seconds: float) -> tuple[list[str], bool]:
    """SQLite's own check, at most so long; its findings come as rows, not as an exception.

    Returns: the problems found, and whether it came to its end.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    problems: list[str] = []
    try:
        for (line,) in connection.execute("PRAGMA quick_check(10)"):
            if line != "ok":
                problems.append(str(line).replace("\n", " "))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return problems, False
    finally:
        connection.set_progress_handler(None, 0)
    return problems, True


def forget_wal(path: Path) -> None:
    """Remove a -wal and -shm that have no database: SQLite would apply them to a new one."""
    if not path.exists():
        for suffix in ("-wal", "-shm"):
            beside(path, suffix).unlink(missing_ok=True)
