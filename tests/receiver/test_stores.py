"""The stores: rows and cursor in one transaction, in SQLite and in PostgreSQL."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.batches import Cursor, Refused, Row, Stream, pack
from gateway.errors import (
    ConfigError,
    SinkGapError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreVersionError,
)
from gateway.receiver import sqlite
from gateway.receiver.parcel import Parcel, open_parcel
from gateway.receiver.ports import Store
from gateway.receiver.stores import look_into, open_store
from tests.fakes.postgres import PASSWORD, PROGRAMS, Postgres
from tests.receiver.test_heads import document
from tests.sinks.contract import reading

NOW_MS = 1_766_000_060_000

Query = Callable[..., list[tuple[Any, ...]]]


def stream() -> Stream:
    return Stream("north", uuid4().hex[:12], "live")


def parcel(of: Stream, after: int, rows: Sequence[Row] | int, position: str = "") -> Parcel:
    if isinstance(rows, int):
        rows = [reading(seq) for seq in range(after + 1, after + rows + 1)]
    last = after + len(rows)
    return open_parcel(pack(of, after, rows, position or f"report:{last}").payload)


class Rig:
    """A store, and its rows seen from outside."""

    def __init__(self, where: str, query: Query) -> None:
        self.where, self.query = where, query
        self.store: Store = open_store(where)

    def seqs(self, of: Stream) -> list[int]:
        found = self.query(of)
        return sorted(seq for (seq,) in found)


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    path = tmp_path_factory.mktemp("store") / "receiver.db"

    def query(of: Stream) -> list[tuple[Any, ...]]:
        asked = (
            "SELECT r.seq FROM row r JOIN stream s ON s.id = r.stream"
            " WHERE (s.gateway, s.epoch, s.lane) = (?, ?, ?)"
        )
        connection = sqlite3.connect(path)
        found = connection.execute(asked, of).fetchall()
        connection.close()
        return found

    rig = Rig(str(path), query)
    yield rig
    rig.store.close()


@pytest.fixture(scope="module")
def in_postgres() -> Iterator[Rig]:
    pytest.importorskip("psycopg", reason="needs psycopg")
    if PROGRAMS is None:
        pytest.skip("needs postgresql")
    server = Postgres("fsync=off")
    server.start().make_database()

    def query(of: Stream) -> list[tuple[Any, ...]]:
        parts = " UNION ALL ".join(
            f"SELECT r.seq FROM edge.{table} r JOIN edge.stream s ON s.id = r.stream"
            f" WHERE (s.gateway, s.epoch, s.lane) = ('{of.gateway}', '{of.epoch}', '{of.lane}')"
            for table in ("reading", "reading_1m", "reading_1h", "event")
        )
        return [tuple(one) for one in server.ask(parts)]

    password = PASSWORD.replace(" ", "%20")
    rig = Rig(f"postgresql://edge:{password}@127.0.0.1:{server.port}/edge", query)
    yield rig
    rig.store.close()
    server.remove()


@pytest.fixture(params=["in_sqlite", "in_postgres"])
def rig(request: pytest.FixtureRequest) -> Rig:
    found: Rig = request.getfixturevalue(request.param)
    return found


def test_rows_and_cursor_are_there_together(rig: Rig) -> None:
    of = stream()
    assert rig.store.cursor(of) == Cursor()
    taken = rig.store.take(parcel(of, 0, 3), NOW_MS)
    assert (taken.cursor, taken.rows) == (Cursor(3, "report:3"), 3)
    assert rig.store.cursor(of) == Cursor(3, "report:3")
    assert rig.seqs(of) == [1, 2, 3]


def test_what_is_there_already_is_answered_as_taken(rig: Rig) -> None:
    of = stream()
    rig.store.take(parcel(of, 0, 3), NOW_MS)
    rig.store.take(parcel(of, 3, 3), NOW_MS)
    for after, count in ((0, 3), (3, 3), (0, 6), (1, 2)):
        taken = rig.store.take(parcel(of, after, count), NOW_MS)
        assert (taken.cursor, taken.rows) == (Cursor(6, "report:6"), 0)
    assert rig.seqs(of) == list(range(1, 7))


@pytest.mark.parametrize(("after", "count"), [(4, 1), (9, 3), (2, 2), (0, 4)])
def test_what_does_not_begin_at_the_cursor_is_a_gap(rig: Rig, after: int, count: int) -> None:
    of = stream()
    rig.store.take(parcel(of, 0, 3, "here"), NOW_MS)
    with pytest.raises(SinkGapError) as told:
        rig.store.take(parcel(of, after, count), NOW_MS)
    assert (told.value.seq, told.value.position) == (3, "here")
    assert rig.seqs(of) == [1, 2, 3]
    assert rig.store.take(parcel(of, 3, 1), NOW_MS).cursor.seq == 4


def test_a_stream_that_is_not_known_begins_at_its_beginning(rig: Rig) -> None:
    of = stream()
    with pytest.raises(SinkGapError) as told:
        rig.store.take(parcel(of, 7, 2), NOW_MS)
    assert told.value.seq == 0
    assert rig.store.cursor(of) == Cursor()


def test_refused_rows_are_kept_aside_and_told_again(rig: Rig) -> None:
    of = stream()
    rows = [reading(1), {**reading(2), "value": {"no": "value"}}, reading(3), {"kind": "?"}]
    refused = (
        Refused(2, "value: a number, a text, true, false or null"),
        Refused(4, "kind: a word of small letters, digits and _"),
    )
    first = rig.store.take(parcel(of, 0, rows), NOW_MS)
    assert (first.cursor.seq, first.refused, first.rows) == (4, refused, 2)
    assert rig.store.take(parcel(of, 0, rows), NOW_MS).refused == refused
    assert rig.seqs(of) == [1, 3]
    (standing,) = [one for one in rig.store.standings(NOW_MS) if one.epoch == of.epoch]
    assert (standing.rows, standing.refused) == (2, 2)


def test_ugly_rows_go_in(rig: Rig) -> None:
    of = stream()
    ugly = "\u00e4 \U0001f527 'q' \"d\" \\ \t \r $1 %s {} \\. \\N"
    rows: list[Row] = [
        reading(1, asset=ugly, unit=ugly, value=5e-324),
        reading(2, value="a word"),
        reading(3, value=True),
        reading(4, value=None, unit=None, asset=None),
        reading(5, value=2**62),
        {"kind": "decision", "at_ms": 0, "asset": "p", "body": {"event": "raised", "a": [ugly]}},
        {"kind": "x" * 64, "at_ms": 253_370_764_799_999, "body": {"n": 10**300, "f": 1e308}},
    ]
    taken = rig.store.take(parcel(of, 0, rows, ugly), NOW_MS)
    assert not taken.refused
    assert taken.cursor == Cursor(7, ugly) == rig.store.cursor(of)
    assert rig.seqs(of) == list(range(1, 8))


def test_two_senders_of_one_stream_store_nothing_twice(rig: Rig) -> None:
    of = stream()
    parcels = [parcel(of, after, 5) for after in range(0, 100, 5)]
    failed: list[BaseException] = []

    def send() -> None:
        try:
            for one in parcels:
                rig.store.take(one, NOW_MS)
        except SinkGapError as error:
            failed.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert rig.seqs(of) == list(range(1, 101))


def test_a_file_that_was_let_go_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        open_store(str(tmp_path / "r.db")).close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.integers(-6, 4), st.integers(1, 6)), max_size=25))
def test_whatever_comes_in_whatever_order_rows_are_there_once_and_without_a_hole(
    in_sqlite: Rig, asked: list[tuple[int, int]]
) -> None:
    """Each batch begins so far from the cursor: at it, before it (overlap), behind it (gap)."""
    of, at = stream(), 0
    for distance, count in asked:
        after = max(0, at + distance)
        if after + count > at and after != at:
            with pytest.raises(SinkGapError) as gap:
                in_sqlite.store.take(parcel(of, after, count), NOW_MS)
            assert gap.value.seq == at
        else:
            taken = in_sqlite.store.take(parcel(of, after, count), NOW_MS)
            assert taken.cursor.seq == max(at, after + count)
            at = taken.cursor.seq
    assert in_sqlite.seqs(of) == list(range(1, at + 1))


def test_audit_heads_are_kept_and_a_contradiction_is_an_alarm(rig: Rig, tmp_path: Path) -> None:
    gateway = f"gw-{uuid4().hex[:8]}"
    of = Stream(gateway, "e1", "events")
    heads = [(5, b"\1"), (9, b"\2"), (9, b"\2"), (5, b"\1"), (9, b"\3"), (7, b"\4")]
    rows = [
        {"kind": "checkpoint", "at_ms": seq, "body": document(tmp_path, seq, digest * 32)}
        for seq, digest in heads
    ]
    taken = rig.store.take(parcel(of, 0, rows), NOW_MS)
    assert taken.alarms == (
        "record 9 of the chain has another hash than before",
        "the chain goes back from record 9 to 7",
    )
    found = [(one.seq, one.alarm) for one in rig.store.alarms() if one.gateway == gateway]
    assert found == [(9, taken.alarms[0]), (7, taken.alarms[1])]


def test_rates_are_those_of_the_last_whole_minute(rig: Rig) -> None:
    of = stream()
    rig.store.take(parcel(of, 0, 30), NOW_MS)
    rig.store.take(parcel(of, 30, 30), NOW_MS + 1_000)
    (standing,) = [one for one in rig.store.standings(NOW_MS + 60_000) if one.epoch == of.epoch]
    assert (standing.rows, standing.rows_per_s) == (60, 1.0)
    assert standing.newest_at_ms == reading(60)["at_ms"]


def test_a_reader_sees_the_same_beside_the_writer(rig: Rig) -> None:
    of = stream()
    rig.store.take(parcel(of, 0, 3), NOW_MS)
    reader = look_into(rig.where)
    assert [one.seq for one in reader.standings(NOW_MS) if one.epoch == of.epoch] == [3]
    assert reader.cursor(of).seq == 3
    reader.close()


# -- SQLite alone ----------------------------------------------------------------------------------


def test_one_file_has_one_receiver(in_sqlite: Rig) -> None:
    with pytest.raises(StoreBusyError, match="another running receiver"):
        open_store(in_sqlite.where)


def test_heads_are_append_only(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    store = sqlite.Store.open(path)
    body = document(tmp_path, 5, b"\1" * 32)
    row = {"kind": "checkpoint", "at_ms": 1, "body": body}
    store.take(parcel(stream(), 0, [row]), NOW_MS)
    store.close()
    connection = sqlite3.connect(path)
    for statement in ("DELETE FROM head", "UPDATE head SET hash = ''"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


def test_the_views_show_readings_decisions_and_events(tmp_path: Path) -> None:
    path, of, minute = tmp_path / "r.db", stream(), {**reading(3), "kind": "reading_1m"}
    store = sqlite.Store.open(path)
    rows: list[Row] = [
        reading(1),
        reading(2, value="warm"),
        {**minute, "n": 60, "low": 1.0, "mean": 2.0, "high": 3.0},
        {**minute, "n": 20, "low": 0.5, "mean": 6.0, "high": 9.0},
        {**minute, "kind": "reading_1h", "n": 70, "low": 1.0, "mean": 2.0, "high": 3.0},
        {**minute, "kind": "reading_1h", "n": 80, "low": 0.5, "mean": 3.0, "high": 9.0},
        {
            "kind": "decision",
            "at_ms": 4,
            "asset": "pump-7",
            "audit_seq": 12,
            "body": {"event": "raised", "action": "stop", "mode": "act"},
        },
    ]
    store.take(parcel(of, 0, rows), NOW_MS)
    store.close()
    connection = sqlite3.connect(path)
    ask = connection.execute
    assert ask("SELECT gateway, asset, metric, value, unit, device FROM reading").fetchall() == [
        ("north", "pump-1", "power", 1.25, "W", "0x00158d0001"),
        ("north", "pump-2", "power", "warm", "W", "0x00158d0001"),
    ]
    columns = "metric, n, low, mean, high, unit"
    assert ask(f"SELECT {columns} FROM reading_minute").fetchall() == [
        ("power", 80, 0.5, 3.0, 9.0, "W")
    ]
    assert ask(f"SELECT {columns} FROM reading_hour").fetchall() == [
        ("power", 80, 0.5, 3.0, 9.0, "W")
    ]
    assert ask("SELECT asset, event, action, mode, audit_seq FROM decision").fetchall() == [
        ("pump-7", "raised", "stop", "act", 12)
    ]
    assert ask("SELECT kind FROM event").fetchall() == [("decision",)]
    (seq, position) = ask("SELECT seq, position FROM cursor").fetchone()
    assert (seq, position) == (7, "report:7")
    assert json.loads(ask("SELECT body FROM row WHERE seq = 7").fetchone()[0])["seq"] == 7
    connection.close()


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    path, of = tmp_path / "r.db", stream()
    store = sqlite.Store.open(path)
    store.take(parcel(of, 0, 3), NOW_MS)
    store._connection.execute("PRAGMA max_page_count = 1").fetchall()
    with pytest.raises(StoreFullError):
        store.take(parcel(of, 3, 4_000), NOW_MS)
    assert store.cursor(of).seq == 3
    store._connection.execute("PRAGMA max_page_count = 100000").fetchall()
    assert store.take(parcel(of, 3, 4_000), NOW_MS).rows == 4_000
    store.close()


def test_a_file_of_a_newer_receiver_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StoreVersionError):
        sqlite.Store.open(path)


@pytest.mark.parametrize("how", [open_store, look_into])
def test_a_place_that_cannot_be_used_is_said(tmp_path: Path, how: Callable[[str], Store]) -> None:
    with pytest.raises(StoreError):
        how(str(tmp_path / "nowhere" / "r.db"))
    (tmp_path / "text").write_text("this is no database at all, but a text that is long enough")
    with pytest.raises(StoreError):
        how(str(tmp_path / "text"))


# -- PostgreSQL alone ------------------------------------------------------------------------------


def test_a_server_that_is_away_is_said() -> None:
    pytest.importorskip("psycopg", reason="needs psycopg")
    with pytest.raises(StoreError, match="PostgreSQL"):
        open_store("postgresql://edge@127.0.0.1:1/edge")
    with pytest.raises(ConfigError):
        open_store("postgresql://edge@127.0.0.1:1/edge?nonsense=1")
