"""Opening the ledger of sync: lock, version, and a damaged one set aside."""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.errors import StoreCorruptError, StoreError, StoreReadOnlyError, StoreVersionError
from gateway.store.checking import forget_wal, quick_check
from gateway.store.connecting import WAIT_S
from gateway.store.faults import kind_of, transaction
from gateway.store.files import beside, set_aside, take_lock

SUFFIX: Final = ".sync.db"
APPLICATION_ID: Final = 0x45475359
"""``EGSY``."""
VERSION: Final = 1
CHECK_S: Final = 1.0

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lane (
    sink TEXT NOT NULL, lane TEXT NOT NULL, base TEXT NOT NULL DEFAULT '',
    suffix TEXT NOT NULL DEFAULT '', seq INTEGER NOT NULL, position TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (sink, lane)) WITHOUT ROWID;
CREATE TABLE batch (
    sink TEXT NOT NULL, lane TEXT NOT NULL, epoch TEXT NOT NULL, after INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, position TEXT NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY (sink, lane));
CREATE TABLE mark (
    sink TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, position TEXT NOT NULL,
    PRIMARY KEY (sink, lane, seq)) WITHOUT ROWID;
CREATE TABLE span (
    sink TEXT NOT NULL, base TEXT NOT NULL, number INTEGER NOT NULL, start TEXT NOT NULL,
    until TEXT NOT NULL, PRIMARY KEY (sink, base, number)) WITHOUT ROWID;
CREATE TABLE refused (
    id INTEGER PRIMARY KEY, sink TEXT NOT NULL, lane TEXT NOT NULL, epoch TEXT NOT NULL,
    seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, reason TEXT NOT NULL, row TEXT NOT NULL,
    again INTEGER NOT NULL DEFAULT 0);
CREATE INDEX refused_sink ON refused (sink, lane);
CREATE TABLE spent (
    sink TEXT NOT NULL, day INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (sink, day)) WITHOUT ROWID;
"""


def ledger_of(database: Path) -> Path:
    """Where the ledger of a database is."""
    return beside(database, SUFFIX)


def open_ledger(path: Path, now_ms: int) -> tuple[sqlite3.Connection, int]:
    """Open or create it; a damaged one is set aside and a new one started.

    Returns: the connection, and the descriptor that holds the lock.

    Raises:
        StoreError: another process has it, it is newer, or of another program.
        sqlite3.Error, OSError: it cannot be opened.
    """
    holder = take_lock(path)
    try:
        return _open_locked(path, now_ms), holder
    except BaseException:
        os.close(holder)
        raise


def _open_locked(path: Path, now_ms: int) -> sqlite3.Connection:
    try:
        return _open(path)
    except StoreCorruptError:
        pass
    except sqlite3.DatabaseError as error:
        if kind_of(error) is not StoreCorruptError:
            raise
    set_aside(path, datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ"))
    return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    forget_wal(path)
    connection = sqlite3.connect(
        path, timeout=WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        prepare(connection)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    problems, _ = quick_check(connection, CHECK_S)
    if problems:
        raise StoreCorruptError("; ".join(problems))


def prepare(connection: sqlite3.Connection) -> None:
    """Set it up, and make the tables of a new one.

    Raises:
        StoreVersionError: it is newer than this program.
        StoreError: it is of another program.
    """
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        "mmap_size = 0",
        "temp_store = MEMORY",
        "cache_size = -1024",
        "journal_size_limit = 1048576",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreVersionError(f"the ledger of sync has version {version}: install the newer one")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError("the ledger of sync is a database of another program: move it away")
    if not tables:
        with transaction(connection):
            _create(connection)


def _create(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('id', lower(hex(randomblob(6))))")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def connect_beside(path: Path) -> sqlite3.Connection:
    """A second connection, for people: it writes little, and never checkpoints.

    Raises:
        StoreReadOnlyError: there is no ledger.
        sqlite3.Error: it cannot be opened.
    """
    if not path.is_file():
        raise StoreReadOnlyError(f"nothing was sent yet: there is no {path}")
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    connection.execute("PRAGMA trusted_schema = OFF").fetchall()
    return connection
