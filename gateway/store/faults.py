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
_STATES: Final[dict[type[StoreError], str]] = {
    StoreFullError: "full",
    StoreReadOnlyError: "read_only",
    StoreCorruptError: "corrupt",
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


class Guard:
    """Translates the errors of one open database, and remembers how it is."""

    def __init__(self) -> None:
        self.state = "ok"
        """ok, full, read_only or corrupt."""
        self.damage = ""
        """The text of the last error."""
        self.lost = False
        """It was closed and could not be opened again."""

    @contextmanager
    def __call__(self, doing: str) -> Iterator[None]:
        """Do something with the database.

        Raises:
            StoreError: the subclass says what to do.
        """
        if self.lost:
            raise StoreReadOnlyError("the database is not open: recover first")
        try:
            with translated(doing):
                yield
        except StoreError as error:
            self.state = _STATES.get(type(error), self.state)
            self.damage = str(error)
            raise


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
