"""Migrations run once each, and a newer file is refused."""

import sqlite3
import subprocess
import sys
from datetime import datetime

import pytest

from gateway.errors import StoreError, StoreVersionError
from gateway.store import schema
from gateway.store.batch import Batch, OutboxRow
from gateway.store.connecting import connect_writer, reset_bug_fixed
from tests.store.samples import open_store, reports, settings


def test_a_new_file_is_migrated_once(tmp_path):
    first = open_store(settings(tmp_path))
    assert first.opened.created
    assert first.opened.migrated == tuple(one.__name__ for one in schema.MIGRATIONS)
    epoch = first._connection.execute("SELECT text FROM meta WHERE name = 'epoch'").fetchall()
    first.commit(reports(0, 3))
    first.close()
    again = open_store(settings(tmp_path))
    assert (again.opened.created, again.opened.migrated) == (False, ())
    assert (
        again._connection.execute("SELECT text FROM meta WHERE name = 'epoch'").fetchall() == epoch
    )
    assert len(list(again.tail(0))) == 21
    again.close()


def test_a_new_file_is_what_sqlite_utils_makes_of_it():
    made, migrated = (sqlite3.connect(":memory:", isolation_level=None) for _ in range(2))
    assert schema.migrate(made) == tuple(one.__name__ for one in schema.MIGRATIONS)
    schema._apply(migrated)
    tables = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    records = "SELECT id, migration_set, name FROM _sqlite_migrations ORDER BY id"
    told = "SELECT name FROM meta ORDER BY name"
    for query in (tables, records, told, "PRAGMA application_id"):
        assert made.execute(query).fetchall() == migrated.execute(query).fetchall()
    times = [
        datetime.fromisoformat(at)
        for one in (made, migrated)
        for (at,) in one.execute("SELECT applied_at FROM _sqlite_migrations ORDER BY id")
    ]
    assert times == sorted(times)
    schema._apply(made)  # it takes the records for its own: nothing is left to apply
    assert made.execute(records).fetchall() == migrated.execute(records).fetchall()
    made.close()
    migrated.close()


def test_a_file_of_the_first_schema_gets_what_came_later(tmp_path, monkeypatch):
    open_store(settings(tmp_path)).close()

    def more_notes(db):
        db.conn.execute("CREATE TABLE note (text TEXT)")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more_notes))
    store = open_store(settings(tmp_path))
    assert store.opened.migrated == ("more_notes",)
    store.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    open_store(settings(tmp_path)).close()

    def half(db):
        db.conn.execute("CREATE TABLE half (text TEXT)")
        db.conn.execute("INSERT INTO nowhere VALUES (1)")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, half))
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            open_store(settings(tmp_path))
    store = open_store(settings(tmp_path))
    names = store._connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'")
    assert names.fetchall() == []
    assert "half" not in schema.applied(store._connection)
    store.close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path):
    given = settings(tmp_path)
    open_store(given).close()
    connection = connect_writer(given.path, given)
    insert = "INSERT INTO _sqlite_migrations VALUES (99, 'edge-gateway', 'from_the_future', '')"
    connection.execute(insert)
    connection.close()
    before = given.path.read_bytes()
    with pytest.raises(StoreVersionError, match="from_the_future"):
        open_store(given)
    assert given.path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    given = settings(tmp_path)
    connection = sqlite3.connect(given.path)
    connection.execute("CREATE TABLE precious (text TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        open_store(given)
    assert list(tmp_path.glob("*.corrupt*")) == []


def test_a_migration_killed_at_any_statement_resumes(tmp_path):
    """The first migration, cut by the end of the process after each of its statements."""
    code = """
import os, sys
from pathlib import Path
from gateway.store import schema
from tests.store.samples import open_store, settings
split, n = schema._statements, int(sys.argv[2])
def cut(script):
    for done, statement in enumerate(split(script)):
        if done == n:
            os._exit(9)
        yield statement
schema._statements = cut
open_store(settings(Path(sys.argv[1])))
"""
    for n in range(0, len(schema._statements(schema._TABLES)), 6):
        folder = tmp_path / str(n)
        folder.mkdir()
        done = subprocess.run([sys.executable, "-c", code, str(folder), str(n)], check=False)
        assert done.returncode == 9
        store = open_store(settings(folder))
        assert store.opened.migrated == tuple(one.__name__ for one in schema.MIGRATIONS)
        assert store.opened.set_aside is None
        store.commit(reports(0, 1))
        store.close()


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 0), False),
        ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
        ((3, 54, 1), True),
    ],
)  # fmt: skip
def test_the_version_gate_knows_the_fixed_lines(version, fixed):
    assert reset_bug_fixed(version) is fixed


def test_an_unfixed_library_is_noted_once(tmp_path):
    store = open_store(settings(tmp_path))
    notes = [note for note in store.opened.notes if "checkpoints" in note]
    assert len(notes) == (0 if reset_bug_fixed(sqlite3.sqlite_version_info) else 1)
    store.close()


def test_what_was_kept_and_what_waits_outlive_their_new_tables(tmp_path, monkeypatch):
    before = schema.MIGRATIONS[: schema.MIGRATIONS.index(schema.rows_in_place)]
    given = settings(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", before)
        store = open_store(given)
    ask = store._connection.execute
    ask("INSERT INTO kept VALUES ('policy', 'pump-7', ?), ('retained', 'edge/x', '')", ("x" * 999,))
    ask("INSERT INTO outbox VALUES (7, 'edge/x', x'00ff', 1, 1, NULL), (9, 'edge/y', '', 0, 0, 5)")
    kept, waits = store.kept("policy") | store.kept("retained"), store.outbox(10)
    store.close()
    store = open_store(given)
    assert store.opened.migrated == ("rows_in_place",)
    assert store.kept("policy") | store.kept("retained") == kept
    assert store.outbox(10) == waits
    assert store.commit(Batch(outbox=[OutboxRow("edge/z", b"")])).outbox_ids == (10,)
    store.close()
    assert sqlite3.connect(given.path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_number_of_a_message_is_never_given_twice_while_the_store_is_open(tmp_path):
    store = open_store(settings(tmp_path))
    numbers = []
    for _ in range(3):
        ids = store.commit(Batch(outbox=[OutboxRow("t", b"")] * 2)).outbox_ids
        store.commit(Batch(published=list(ids)))
        store.recover()
        numbers += ids
    assert numbers == sorted(set(numbers))
    store.close()
