"""From SQLite's result codes and the system's to the errors of this program."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)

# Primary result codes (sqlite.org/rescode.html); an extended code holds them in its low byte.
_BY_CODE: Final[dict[int, type[StoreError]]] = {
    sqlite3.SQLITE_FULL: StoreFullError,
    sqlite3.SQLITE_READONLY: StoreReadOnlyError,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnlyError,
    sqlite3.SQLITE_IOERR: StoreReadOnlyError,
    sqlite3.SQLITE_PERM: StoreReadOnlyError,
    sqlite3.SQLITE_CORRUPT: StoreCorruptError,
    sqlite3.SQLITE_NOTADB: StoreCorruptError,
    sqlite3.SQLITE_BUSY: StoreBusyError,
    sqlite3.SQLITE_LOCKED: StoreBusyError,
    sqlite3.SQLITE_PROTOCOL: StoreBusyError,
}
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def kind_of(error: sqlite3.Error) -> type[StoreError] | None:
    """Say which of our errors this is; None for what only a bug of ours can cause."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _BY_CODE.get(code & 0xFF)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise SQLite's and the system's errors as ours, saying what was being done.

    Raises:
        StoreError: the subclass that says what to do. Errors of SQL are bugs and pass as they are.
    """
    try:
        yield
    except sqlite3.Error as error:
        kind = kind_of(error)
        if kind is None:
            raise
        raise kind(f"{doing}: {error}") from error
    except OSError as error:
        kind = StoreFullError if error.errno in _FULL else StoreReadOnlyError
        raise kind(f"{doing}: {error}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, whole or not at all.

    After SQLITE_FULL and some I/O errors SQLite has rolled back by itself, so ask first.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
