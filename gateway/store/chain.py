"""The audit chain in the database: its tables, its beginning, its end, and how it grows.

Records are written in the transaction of the rows they tell of. The triggers keep programs, and
people with an SQLite shell, from changing them by mistake; against intent stands the hash.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.audit import Entry, Head, Kind, Record, When, extend
from gateway.core.checkpoints import Checkpoint
from gateway.store import bulk
from gateway.store.packing import plain

AUDITED: Final = ("decision", "command")
"""Tables whose rows name, in their column ``audit``, the newest record about them."""

VALUES: Final = (
    "UPDATE decision SET value = (SELECT json_extract(body, '$.value') FROM audit "
    "WHERE seq = decision.audit) WHERE audit IS NOT NULL AND action <> ''"
)
"""What earlier decisions told their actions, as their records say."""
TABLES: Final = """
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, boot INTEGER NOT NULL,
    mono_ms INTEGER NOT NULL, clock INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    body TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE audit_checkpoint (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, document TEXT NOT NULL);

-- records of the chain of a database that was damaged: what could be read of it
CREATE TABLE audit_before (
    id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, clock INTEGER NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL);

ALTER TABLE decision ADD COLUMN audit INTEGER;
ALTER TABLE command ADD COLUMN audit INTEGER;

CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit records are never changed'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit
    WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoint WHERE seq >= OLD.seq) BEGIN
    SELECT RAISE(ABORT, 'audit records go only up to a signed checkpoint'); END;
CREATE TRIGGER checkpoint_unchanged BEFORE UPDATE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoint_kept BEFORE DELETE ON audit_checkpoint
    WHEN OLD.seq >= (SELECT min(seq) - 1 FROM audit) BEGIN
    SELECT RAISE(ABORT, 'checkpoints go only with the records before them'); END;
"""

_INSERT: Final = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_END: Final = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


def end(connection: sqlite3.Connection) -> Head:
    """Where the chain ends."""
    found = connection.execute(_END).fetchone()
    return Head() if found is None else Head(*found)


def append(connection: sqlite3.Connection, records: Iterable[Record], when: When) -> list[Entry]:
    """Write records at the end of the chain; call within a transaction."""
    entries = extend(end(connection), records, when)
    bulk.insert(connection, _INSERT, entries)
    return entries


def begin(connection: sqlite3.Connection, when: When, boot: str) -> None:
    """Write the first record of a chain that has none; call within a transaction."""
    if end(connection).seq:
        return
    body: dict[str, object] = {"epoch": epoch(connection), "boot": boot}
    body |= {
        table: connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0]  # noqa: S608
        for table in AUDITED
    }
    append(connection, [Record(Kind.GENESIS, "", body)], when)


def epoch(connection: sqlite3.Connection) -> str:
    """The name of this database, made with it; empty when it was taken away."""
    found = connection.execute("SELECT text FROM meta WHERE name = 'epoch'").fetchone()
    return "" if found is None else str(found[0])


def cut(connection: sqlite3.Connection) -> str:
    """What is wrong with the end of the chain, as far as the newest checkpoint knows."""
    query = "SELECT seq, document FROM audit_checkpoint ORDER BY seq DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    last = end(connection)
    if found is None or found[0] <= last.seq:
        return ""
    return (
        f"the audit chain ends at record {last.seq}, and its newest checkpoint is over record "
        f"{found[0]}: its end was cut off (edge-gateway audit verify)"
    )


def insert_checkpoints(
    connection: sqlite3.Connection, made: Iterable[Checkpoint], at_ms: int
) -> None:
    """Keep checkpoints of this chain; call within a transaction.

    One that waited while the database was found damaged is of the chain before, and left out.
    """
    made = list(made)
    if made:
        here = epoch(connection)
        rows = [(one.seq, at_ms, plain(one.document)) for one in made if one.epoch == here]
        connection.executemany("INSERT OR IGNORE INTO audit_checkpoint VALUES (?, ?, ?)", rows)


def newest_checkpoint(connection: sqlite3.Connection) -> str:
    """The newest checkpoint, as JSON; empty when there is none."""
    query = "SELECT document FROM audit_checkpoint ORDER BY seq DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return "" if found is None else str(found[0])


def note_dropped(
    connection: sqlite3.Connection, dropped: Mapping[str, dict[str, object]], when: When
) -> None:
    """Record what the limits of the store took away; call within its transaction."""
    records = [Record(Kind.RETENTION, table, told) for table, told in dropped.items()]
    if records:
        append(connection, records, when)
