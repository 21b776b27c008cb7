"""Reports are found in their pages, whatever became of the tree above them."""

import random
import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import spans
from gateway.store.batch import Batch, StoredReport
from gateway.store.carving import Carver
from gateway.store.packing import COLUMNS, Row
from tests.store.samples import crash, open_store, report, reports, settings
from tests.store.test_corruption import finish, values

INNER = 5


@pytest.fixture
def file(tmp_path):
    """A database of 1,500 reports, a few of them longer than a page."""
    store = open_store(settings(tmp_path))
    for n in range(0, 1_500, 100):
        store.commit(reports(n, n + 100))
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    return tmp_path / "gateway.db"


def carved(path):
    with closing(Carver(path)) as carver:
        return [row for number in range(1, carver.pages + 1) for row in carver.reports(number)]


def test_what_is_carved_is_what_sql_reads(file):
    with closing(sqlite3.connect(file)) as connection:
        query = f"SELECT {COLUMNS} FROM report ORDER BY id"
        expected = [Row._make(row) for row in connection.execute(query)]
    found = {row.id: row for row in carved(file)}
    assert [found[row.id] for row in expected] == expected


def test_a_record_that_runs_over_several_pages_is_gathered(tmp_path):
    store = open_store(settings(tmp_path))
    long = "word " * 50
    words = report(7, tuple([long] * 7))
    store.commit(Batch(reports=[StoredReport(words)]))
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    (row,) = carved(tmp_path / "gateway.db")
    assert len(row.value_list) > 1_024
    assert row.values() == [words.readings[n].value for n in range(7)]


def test_without_any_inner_page_every_report_is_still_there(file, tmp_path):
    data = bytearray(file.read_bytes())
    spoilt = 0
    for start in range(1024, len(data), 1024):
        if data[start] == INNER:
            data[start : start + 1024] = b"\xff" * 1024
            spoilt += 1
    assert spoilt
    file.write_bytes(data)
    store = open_store(settings(tmp_path))
    assert store.opened.set_aside is not None
    finish(store)
    assert values(store) == 1.0
    store.close()


@pytest.mark.parametrize("seed", range(8))
def test_damage_gives_fewer_reports_and_never_wrong_ones(file, seed):
    dice = random.Random(seed)
    right = {row._replace(id=0) for row in carved(file)}
    data = bytearray(file.read_bytes())
    for _ in range(400):
        data[dice.randrange(len(data))] = dice.randrange(256)
    file.write_bytes(data)
    left = {row._replace(id=0) for row in carved(file)}
    assert left
    assert left <= right


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 9))))
def test_spans_are_the_set_of_what_was_taken(taken):
    held, known = [], set()
    for first, more in taken:
        ids = set(range(first, first + more + 1))
        assert spans.add(held, first, first + more) == (not ids <= known)
        known |= ids
    assert {one for low, high in held for one in range(low, high + 1)} == known
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(held))


@pytest.mark.parametrize("column", ["marks", "origin", "key", "measured_at_ms"])
def test_a_flipped_bit_makes_no_number_of_what_is_absent(file, column):
    absent = next(row for row in carved(file) if getattr(row, column) is None)
    assert absent.intact
    assert not absent._replace(**{column: 0}).intact
