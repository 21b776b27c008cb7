"""Reading beside the daemon, without it, and never writing."""

import sqlite3

import pytest

from gateway.core.messages import Reason
from gateway.errors import GatewayError, StoreError, StoreReadOnlyError
from gateway.store.batch import Batch, StoredReport
from gateway.store.reader import Reader
from tests.store.samples import NOW_MS, metric, open_store, report, reports, settings


@pytest.fixture
def store(tmp_path):
    opened = open_store(settings(tmp_path))
    opened.commit(reports(0, 3))
    yield opened
    opened.close()


@pytest.fixture
def reader(store, tmp_path):
    with Reader.open(tmp_path / "gateway.db") as opened:
        yield opened


def test_it_sees_each_commit_while_the_store_is_open(store, reader):
    query = "SELECT count(*) AS n FROM reading WHERE metric = ?"
    assert reader.query(query, ("power",)).rows == [(3,)]
    store.commit(reports(3, 5))
    answer = reader.query(query, ("power",))
    assert (answer.columns, answer.rows, answer.truncated) == (("n",), [(5,)], False)


def test_it_does_not_hold_up_the_writer_and_its_wal(store, reader):
    for n in range(3, 3_000, 100):
        store.commit(reports(n, n + 100))
        reader.query("SELECT * FROM reading LIMIT 10")
    assert store.health().wal_bytes <= 2 << 20


def test_readings_of_an_asset_are_oldest_first_and_the_newest_of_them(store, reader):
    found = reader.readings("pump-7", NOW_MS + 1, "power")
    assert [(one.at_ms - NOW_MS, one.metric, one.value, one.unit, one.reason) for one in found] == [
        (1, "power", 1234.5, "W", "ok"),
        (2, "power", 1234.5, "W", "ok"),
    ]
    assert reader.readings("pump-7", 0, limit=2) == reader.readings("pump-7", 0)[-2:]
    assert [one.metric for one in reader.readings("pump-7", 0)[:2]] == ["power", "voltage"]


def test_bools_texts_and_reasons_are_what_they_were(store, reader):
    metrics = (metric("on"), metric("mode"))
    made = report(9, [True, "eco"], metrics=metrics, reasons=[Reason.OK, Reason.CACHED])
    store.commit(Batch(reports=[StoredReport(made)]))
    found = reader.readings("pump-7", NOW_MS + 9)
    assert [(one.value, one.reason) for one in found] == [(True, "ok"), ("eco", "cached")]


def test_an_unknown_asset_or_metric_is_told_what_there_is(reader):
    with pytest.raises(StoreError, match="there are pump-7"):
        reader.readings("pump-8", 0)
    with pytest.raises(StoreError, match="it has current, energy"):
        reader.readings("pump-7", 0, "pressure")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM report",
        "INSERT INTO meta VALUES ('a', 'b')",
        "CREATE TABLE t (a)",
        "DROP TABLE report",
        "ATTACH 'x.db' AS x",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'copy.db'",
        "BEGIN IMMEDIATE",
    ],
)
def test_nothing_that_writes_is_run(reader, store, sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="only reads"):
        reader.query(sql)
    assert reader.query("SELECT count(*) FROM report").rows == [(3,)]
    assert not (tmp_path / "x.db").exists()
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT bogus FROM reading", "no such column: bogus"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT ?", "binding"),
    ],
)
def test_a_wrong_statement_is_one_clear_line(reader, sql, says):
    with pytest.raises(GatewayError, match=f"(?i){says}") as error:
        reader.query(sql)
    assert "\n" not in str(error.value)


def test_more_rows_than_wanted_are_left_and_said(reader):
    answer = reader.query("SELECT * FROM reading", limit=5)
    assert (len(answer.rows), answer.truncated) == (5, True)


def test_it_works_when_the_daemon_does_not_run(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(reports(0, 2))
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        assert len(reader.readings("pump-7", 0)) == 14


def test_no_database_and_a_foreign_one_are_said(tmp_path):
    with pytest.raises(StoreReadOnlyError, match="has the gateway run yet"):
        Reader.open(tmp_path / "gateway.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)")
    with pytest.raises(StoreError, match="not a database of the gateway"):
        Reader.open(tmp_path / "other.db")
