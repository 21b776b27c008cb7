"""Opening the database: lock, schema, check after an unclean stop, set aside what is damaged."""

import sqlite3
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.core.audit import When
from gateway.errors import StoreCorruptError, StoreError
from gateway.store import chain, salvage, schema
from gateway.store.batch import Opened
from gateway.store.boots import Boot, register, seen
from gateway.store.checking import forget_wal, quick_check
from gateway.store.connecting import PAGE_SIZE, connect_writer, reset_bug_fixed
from gateway.store.faults import kind_of, transaction
from gateway.store.files import mend_header, set_aside, size_of
from gateway.store.settings import StoreSettings

CHECK_S: Final = 3.0
"""How long the check after an unclean stop may take; a Pi reads about 40 MB/s from its card.

What it did not reach is covered by the checksum of each row, looked at whenever a row is read.
"""
SALVAGE_S: Final = 1.5
"""How long the first part of a salvage may take; ``maintain`` does the rest."""


@dataclass(slots=True)
class Database:
    """An open database, as the writer needs it."""

    connection: sqlite3.Connection
    boot: Boot
    created: bool
    migrated: tuple[str, ...]
    set_aside: Path | None = None
    salvaged: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def opened(self) -> Opened:
        """What happened."""
        aside = str(self.set_aside) if self.set_aside else None
        notes, epoch = tuple(self.notes), chain.epoch(self.connection)
        return Opened(self.created, self.migrated, self.salvaged, aside, notes, epoch)


def open_database(
    settings: StoreSettings, boot: str, now_ms: int, mono_ms: int, *, damage: str = ""
) -> Database:
    """Open or create it; a damaged one is set aside and a new one started at once.

    Args:
        settings: where it is and what it may take.
        boot: the boot id.
        now_ms: wall clock; it names a file that is set aside.
        mono_ms: monotonic clock.
        damage: what is known to be wrong with it already; empty when nothing is.

    Raises:
        StoreVersionError: it is newer than this program.
        StoreError: it belongs to another program.
        sqlite3.Error: it cannot be opened for writing.
    """
    if not damage or not settings.path.exists():
        try:
            return _open(settings, boot, now_ms, mono_ms)
        except StoreCorruptError as error:
            damage = str(error)
        except sqlite3.DatabaseError as error:
            if kind_of(error) is not StoreCorruptError:
                raise
            damage = str(error)
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    target = set_aside(settings.path, stamp)
    mend_header(target, PAGE_SIZE)
    return _start_anew(_open(settings, boot, now_ms, mono_ms), target, damage, now_ms, mono_ms)


def _start_anew(
    database: Database, damaged: Path, damage: str, now_ms: int, mono_ms: int
) -> Database:
    when = When(now_ms, database.boot.id, mono_ms, 0)
    with transaction(database.connection):
        salvage.begin(database.connection, damaged, damage, when)
    database.salvaged = salvage.run(database.connection, database.boot, SALVAGE_S)
    more = ", more follows" if salvage.pending(database.connection) else ""
    database.set_aside = damaged
    database.notes.append(
        f"the database was damaged ({damage}): it is now {damaged.name}, a new one was started, "
        f"{database.salvaged} rows were copied into it{more}"
    )
    return database


def _open(settings: StoreSettings, boot: str, now_ms: int, mono_ms: int) -> Database:
    path = settings.path
    forget_wal(path)
    created = size_of(path) == 0
    connection = connect_writer(path, settings)
    try:
        notes = _notes(connection) + ([] if created else _check(connection))
        migrated = schema.migrate(connection)
        with transaction(connection):
            row = register(connection, boot, now_ms, mono_ms)
            chain.begin(connection, When(now_ms, row.id, mono_ms, 0), boot)
            connection.execute("UPDATE meta SET text = '0' WHERE name = 'clean'")
    except BaseException:
        connection.close()
        raise
    return Database(connection, row, created, migrated, notes=notes)


def _notes(connection: sqlite3.Connection) -> list[str]:
    notes = []
    if not reset_bug_fixed(sqlite3.sqlite_version_info):
        notes.append(
            f"SQLite {sqlite3.sqlite_version} may lose commits when a second program checkpoints "
            "the database (fixed in 3.44.6, 3.50.7 and 3.51.3): let only the gateway write to it"
        )
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if schema.AUDITED in schema.applied(connection) and (short := chain.cut(connection)):
        notes.append(short)
    if mode != "wal":
        notes.append(f"the file system does not allow a WAL: the journal mode is {mode}")
    return notes


def _check(connection: sqlite3.Connection) -> list[str]:
    """Look for damage, unless the file is ours and was closed cleanly.

    Raises:
        StoreCorruptError: it is damaged.
        StoreError: it belongs to another program.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != schema.APPLICATION_ID:
        _refuse_foreign(connection)
    elif connection.execute("SELECT text FROM meta WHERE name = 'clean'").fetchone() == ("1",):
        return []
    started = time.monotonic()
    problems, finished = quick_check(connection, CHECK_S)
    if problems:
        raise StoreCorruptError("; ".join(problems))
    seconds = f"{time.monotonic() - started:.1f} s"
    found = f"the last stop was not clean: checked for damage in {seconds}, none found"
    return [found if finished else f"{found} so far; the rest is checked as it is read"]


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    """A database with tables of others is not touched; an empty one may become ours.

    One that only has the list of migrations is ours, cut off during its very first start.
    """
    count = "SELECT count(*) FROM sqlite_master WHERE tbl_name <> '_sqlite_migrations'"
    (others,) = connection.execute(count).fetchone()
    if others and not schema.applied(connection):
        raise StoreError(
            "this is a database of another program: point store.path at a file of its own"
        )


def close_cleanly(connection: sqlite3.Connection, boot: Boot, mono_ms: int) -> None:
    """Note that the stop is clean and merge the WAL; the connection stays open."""
    with transaction(connection):
        seen(connection, boot, mono_ms)
        connection.execute("UPDATE meta SET text = '1' WHERE name = 'clean'")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
