"""A new database: all migrations in one transaction, recorded as sqlite-utils would record them.

An empty file needs none of what sqlite-utils does for older ones, and importing it would be a tenth
of the first start.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from gateway.store.faults import transaction

_RECORDS: Final = (
    """\
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
)""",
    """\
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name")""",
)
"""As ``sqlite_utils.Migrations`` makes it (version 4): it is what later migrations go by."""

_RECORD: Final = """
INSERT INTO _sqlite_migrations (migration_set, name, applied_at)
VALUES (?, ?, strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))"""


class Migrated(Protocol):
    """What a migration is given: of a ``sqlite_utils.Database`` it needs the connection."""

    @property
    def conn(self) -> sqlite3.Connection:
        """The connection, in a transaction."""


class _New(NamedTuple):
    conn: sqlite3.Connection


Migration = Callable[[Migrated], None]


def is_empty(connection: sqlite3.Connection) -> bool:
    """Nothing was ever made in this file."""
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def create(connection: sqlite3.Connection, name: str, migrations: Sequence[Migration]) -> None:
    """Apply all migrations of a set to an empty file, whole or not at all.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    with transaction(connection):
        for statement in _RECORDS:
            connection.execute(statement)
        for migration in migrations:
            migration(_New(connection))
            connection.execute(_RECORD, (name, migration.__name__))
