import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import bulk


@given(count=st.integers(0, 1_100))
def test_all_rows_are_inserted_in_their_order(count):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b)")
    rows = [(n, f"row {n}") for n in range(count)]
    last = bulk.insert(connection, "INSERT INTO t (a, b) VALUES (?, ?)", rows)
    assert connection.execute("SELECT id, a, b FROM t ORDER BY id").fetchall() == [
        (n + 1, *row) for n, row in enumerate(rows)
    ]
    assert last == count
    connection.close()


def test_a_row_that_is_refused_refuses_all_of_its_statement():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    with pytest.raises(sqlite3.IntegrityError):
        bulk.insert(connection, "INSERT INTO t VALUES (?)", [(1,), (1,)])
    connection.close()
