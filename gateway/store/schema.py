"""The tables, as a list of migrations; each is applied once, in one transaction with its record.

sqlite-utils applies them to an older file, and is imported only then: importing it costs 15 MB. An
empty file gets them all at once without it (see ``creating``), and which ones were applied is read
without it, from the table that it keeps.
"""

import sqlite3
import uuid
from typing import Final

from gateway.errors import StoreVersionError
from gateway.store import blocks, chain, inserting, sync_rows
from gateway.store.absent import absent
from gateway.store.creating import Migrated, Migration, create, is_empty

APPLICATION_ID: Final = 0x45474757
"""``EGGW``: lets ``file`` and us tell our databases from others (sqlite.org/fileformat2.html)."""

_SET: Final = "edge-gateway"

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

-- reports of a boot have ids from first_report on; while they are repaired it moves up to
-- repair_until. An index over the few rows to repair would cost every insert a microsecond.
-- running_ms = base_ms + mono_ms - first_mono_ms: how long the gateway had run, over all boots
CREATE TABLE boot (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, started_at_ms INTEGER NOT NULL,
    first_mono_ms INTEGER NOT NULL, last_mono_ms INTEGER NOT NULL, base_ms INTEGER NOT NULL,
    first_report INTEGER NOT NULL, offset_ms INTEGER, repair_mono_ms INTEGER,
    repair_until INTEGER);

CREATE TABLE series (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, asset TEXT NOT NULL, source TEXT NOT NULL,
    device TEXT NOT NULL, metric TEXT NOT NULL, unit TEXT NOT NULL,
    UNIQUE (key, source, device, unit));

CREATE TABLE layout (id INTEGER PRIMARY KEY, series_list TEXT NOT NULL UNIQUE);
CREATE TABLE layout_item (
    layout INTEGER NOT NULL REFERENCES layout (id), position INTEGER NOT NULL,
    series INTEGER NOT NULL REFERENCES series (id), PRIMARY KEY (layout, position)) WITHOUT ROWID;

-- one row per message; clock: 0 not synchronised, 1 synchronised, 2 repaired later
CREATE TABLE report (
    id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, boot INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL, measured_at_ms INTEGER, origin TEXT,
    clock INTEGER NOT NULL, key INTEGER, value_list TEXT NOT NULL, marks TEXT,
    crc INTEGER NOT NULL);
CREATE INDEX report_at_ms ON report (at_ms);

-- thinned readings: one row per series and hour
CREATE TABLE reading_hour (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series (id),
    hour_at_ms INTEGER NOT NULL, n INTEGER NOT NULL, low REAL NOT NULL, mean REAL NOT NULL,
    high REAL NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    UNIQUE (series, hour_at_ms));

CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, asset TEXT NOT NULL, at_ms INTEGER NOT NULL, rung TEXT NOT NULL,
    label TEXT NOT NULL, score REAL, level REAL, model_version TEXT NOT NULL,
    model_hash TEXT NOT NULL, inputs TEXT NOT NULL, abstained TEXT NOT NULL,
    coverage REAL NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    clock INTEGER NOT NULL);
CREATE INDEX verdict_clock ON verdict (boot) WHERE clock = 0;

CREATE TABLE decision (
    id TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, at_ms INTEGER NOT NULL, policy TEXT NOT NULL,
    event TEXT NOT NULL, mode TEXT NOT NULL, action TEXT NOT NULL, refused TEXT NOT NULL,
    votes TEXT NOT NULL, verdict TEXT NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    clock INTEGER NOT NULL);
CREATE INDEX decision_clock ON decision (boot) WHERE clock = 0;

CREATE TABLE command (
    id TEXT NOT NULL UNIQUE, decision_id TEXT NOT NULL, asset TEXT NOT NULL, action TEXT NOT NULL,
    source TEXT NOT NULL, device TEXT NOT NULL, set_json TEXT NOT NULL, options TEXT NOT NULL,
    mode TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, evidence TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, sent_at_ms INTEGER,
    ended_at_ms INTEGER, created_mono_ms INTEGER NOT NULL, expires_mono_ms INTEGER NOT NULL,
    sent_mono_ms INTEGER, deadline_ms INTEGER NOT NULL, boot INTEGER NOT NULL,
    mono_ms INTEGER NOT NULL, clock INTEGER NOT NULL);
CREATE INDEX command_open ON command (state)
    WHERE state IN ('proposed', 'checked', 'stored', 'sent', 'accepted');
CREATE INDEX command_clock ON command (boot) WHERE clock = 0;

CREATE TABLE reject (
    id INTEGER PRIMARY KEY, received_at_ms INTEGER NOT NULL, source TEXT NOT NULL,
    broker TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
    retain INTEGER NOT NULL, qos INTEGER NOT NULL, expires_at_ms INTEGER);

CREATE TABLE counter (
    scope TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (scope, reason)) WITHOUT ROWID;
CREATE TABLE kept (
    room TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (room, key)) WITHOUT ROWID;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, report INTEGER NOT NULL) WITHOUT ROWID;

-- readings one by one, for people: a bool shows as 1 or 0. Only json_each may be used here:
-- with trusted_schema off, SQLite 3.40 forbids json_extract in a view
CREATE VIEW reading AS
SELECT r.id AS report, s.key, s.asset, s.source, s.device, s.metric, v.value, s.unit,
       coalesce(m.value, 'ok') AS reason,
       r.at_ms, r.received_at_ms, r.measured_at_ms, r.origin, r.clock, b.name AS boot
FROM report r
JOIN json_each(r.value_list) v
LEFT JOIN json_each(r.marks) m ON m.key = v.key
JOIN layout_item i ON i.layout = r.layout AND i.position = v.key
JOIN series s ON s.id = i.series
LEFT JOIN boot b ON b.id = r.boot;
"""


def packed_reports(db: Migrated) -> None:
    """Schema 1: one packed row per message, and the view that shows its readings."""
    db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in _statements(_TABLES):
        db.conn.execute(statement)
    meta = (("epoch", str(uuid.uuid4())), ("clean", "1"))
    db.conn.executemany("INSERT INTO meta VALUES (?, ?)", meta)


def explained_decisions(db: Migrated) -> None:
    """Schema 2: why each decision was made, as JSON; null until that is known."""
    db.conn.execute("ALTER TABLE decision ADD COLUMN explanation TEXT")


def verdict_intervals(db: Migrated) -> None:
    """Schema 3: where a verdict's score may really lie, [low, high] as JSON; null without that."""
    db.conn.execute("ALTER TABLE verdict ADD COLUMN interval TEXT")


def verdict_members(db: Migrated) -> None:
    """Schema 4: what each member of an ensemble said, as JSON; null without one."""
    db.conn.execute("ALTER TABLE verdict ADD COLUMN members TEXT")


def signal_blocks(db: Migrated) -> None:
    """Schema 5: the samples of signals."""
    for statement in _statements(blocks.TABLES):
        db.conn.execute(statement)


def audit_chain(db: Migrated) -> None:
    """Schema 6: the audit chain, and the column in which rows name their newest record."""
    for statement in _statements(chain.TABLES):
        db.conn.execute(statement)


def command_attempts(db: Migrated) -> None:
    """Schema 7: the so-manieth command of its decision."""
    db.conn.execute("ALTER TABLE command ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1")


def decision_values(db: Migrated) -> None:
    """Schema 8: what an action is told; of earlier decisions as their records say."""
    db.conn.execute("ALTER TABLE decision ADD COLUMN value REAL")
    db.conn.execute(chain.VALUES)


def rows_for_clouds(db: Migrated) -> None:
    """Schema 9: alerts and health, until clouds have them."""
    for statement in _statements(sync_rows.TABLES):
        db.conn.execute(statement)


def rows_in_place(db: Migrated) -> None:
    """Schema 10: what is kept changes in its page, and messages are numbered by the store."""
    for statement in _statements(inserting.TABLES):
        db.conn.execute(statement)


AUDITED: Final = audit_chain.__name__
"""From this migration on there is a chain."""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    packed_reports,
    explained_decisions,
    verdict_intervals,
    verdict_members,
    signal_blocks,
    audit_chain,
    command_attempts,
    decision_values,
    rows_for_clouds,
    rows_in_place,
)
"""In order, never changed once released: a change is a new one at the end."""


def applied(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of the migrations this file has had, in order."""
    table = "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
    if connection.execute(table).fetchone() is None:
        return ()
    names = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id"
    return tuple(name for (name,) in connection.execute(names, (_SET,)))


def migrate(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Apply what is missing; return the names.

    Raises:
        StoreVersionError: the file has a migration that this program does not know.
    """
    had = applied(connection)
    known = {migration.__name__: migration for migration in MIGRATIONS}
    unknown = [name for name in had if name not in known]
    if unknown:
        raise StoreVersionError(
            f"the database has {', '.join(unknown)}, which this version does not know: "
            "install the newer version again, or point store.path at another file"
        )
    pending = [name for name in known if name not in had]
    if is_empty(connection):
        create(connection, _SET, MIGRATIONS)
    elif pending:
        _apply(connection)
    return tuple(pending)


def _apply(connection: sqlite3.Connection) -> None:
    with absent("numpy", "pandas"):
        from sqlite_utils import Database, Migrations

    migrations = Migrations(_SET)
    for migration in MIGRATIONS:
        migrations()(migration)
    migrations.apply(Database(connection, execute_plugins=False))


def _statements(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit the migration's transaction."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found
