"""The ledger: durable, locked, bounded, and begun anew when it is damaged."""

from pathlib import Path

import pytest

from gateway.core.batches import Batch, Cursor, Stream, pack
from gateway.core.sync_places import Span
from gateway.errors import StoreBusyError, StoreError, StoreVersionError
from gateway.store import sync_entries, sync_notes
from gateway.store.sync_entries import Aside, Key
from gateway.store.sync_ledger import Ledger
from gateway.store.sync_opening import connect_beside

KEY = Key("hq", "live")
STREAM = Stream("north", "e", "live")


def batch(after: int, rows: int = 2) -> Batch:
    made = [{"kind": "reading", "at_ms": 1, "n": after + n} for n in range(rows)]
    return pack(STREAM, after, made, f"p{after + rows}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db.sync.db"


def begun(path: Path) -> Ledger:
    ledger = Ledger.open(path, 0)
    ledger.begin(KEY, "e", "", Cursor(0, "start"))
    return ledger


def test_a_kept_batch_outlives_the_process_byte_for_byte(path: Path) -> None:
    ledger = begun(path)
    ledger.keep(KEY, batch(0))
    ledger.close()
    ledger = Ledger.open(path, 0)
    assert ledger.kept(KEY, "north") == batch(0)
    ledger.close()


def test_what_is_taken_moves_the_lane_and_leaves_a_mark(path: Path) -> None:
    ledger = begun(path)
    ledger.keep(KEY, batch(0))
    ledger.taken(KEY, batch(0), [Aside(2, "bad", "{}")], 5)
    state = ledger.state(KEY)
    assert (state.seq, state.position, state.sent, state.refused) == (2, "p2", 1, 1)
    assert ledger.kept(KEY, "north") is None
    assert [ledger.mark(KEY, seq) for seq in (0, 1, 2)] == ["start", None, "p2"]
    assert ledger.mark(KEY, 1, nearest=True) == "start"
    ledger.close()


def test_a_refused_batch_gives_its_numbers_to_the_next(path: Path) -> None:
    ledger = begun(path)
    ledger.keep(KEY, batch(0))
    ledger.refuse(KEY, batch(0), [Aside(1, "no", "{}"), Aside(2, "no", "{}")], 5)
    state = ledger.state(KEY)
    assert (state.seq, state.position, state.refused) == (0, "p2", 2)
    ledger.close()


def test_going_back_forgets_later_marks(path: Path) -> None:
    ledger = begun(path)
    for after in (0, 2, 4):
        ledger.keep(KEY, batch(after))
        ledger.taken(KEY, batch(after), [], 5)
    ledger.move(KEY, Cursor(2, "p2"))
    assert ledger.mark(KEY, 4) is None
    assert ledger.state(KEY).seq == 2
    ledger.close()


def test_marks_and_refused_rows_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_entries, "REFUSED", 3)
    monkeypatch.setattr("gateway.store.sync_ledger.MARKS", 3)
    ledger = begun(path)
    for after in range(0, 20, 2):
        ledger.keep(KEY, batch(after))
        ledger.taken(KEY, batch(after), [Aside(after + 1, "no", "{}")], 5)
    marks = [seq for seq in range(21) if ledger.mark(KEY, seq) is not None]
    assert marks == [0, 16, 18, 20]
    assert len(sync_notes.refused(path)) == 3
    assert ledger.state(KEY).lost == 7
    ledger.close()


def test_a_second_process_is_refused(path: Path) -> None:
    ledger = Ledger.open(path, 0)
    with pytest.raises(StoreBusyError):
        Ledger.open(path, 0)
    ledger.close()
    Ledger.open(path, 0).close()


def test_a_damaged_ledger_is_set_aside(path: Path) -> None:
    begun(path).close()
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    ledger = Ledger.open(path, 0)
    assert ledger.state(KEY).base == ""
    assert list(path.parent.glob("*.corrupt.*"))
    ledger.close()


def test_a_newer_ledger_is_left_alone(path: Path) -> None:
    begun(path).close()
    connection = connect_beside(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreVersionError):
        Ledger.open(path, 0)


def test_a_database_of_others_is_left_alone(path: Path) -> None:
    path.touch()
    connection = connect_beside(path)
    connection.execute("CREATE TABLE theirs (n)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        Ledger.open(path, 0)


def test_bytes_are_counted_by_day_and_sink(path: Path) -> None:
    ledger = begun(path)
    ledger.spend("hq", 10, 5)
    ledger.spend("hq", 10, 6)
    ledger.spend("other", 10, 1)
    assert ledger.spent("hq") == (10, 11)
    ledger.spend("hq", 11, 1)
    assert ledger.spent("hq") == (11, 1)
    ledger.close()


def test_spans_are_of_one_database(path: Path) -> None:
    ledger = begun(path)
    ledger.jump("hq", "e", Span(1, "", "r:9"))
    assert ledger.spans("hq", "e") == [Span(1, "", "r:9")]
    assert ledger.spans("hq", "other") == []
    ledger.close()


def test_refused_rows_may_be_offered_again_beside_the_process(path: Path) -> None:
    ledger = begun(path)
    ledger.keep(KEY, batch(0))
    ledger.taken(KEY, batch(0), [Aside(1, "no", '{"n": 0}')], 5)
    assert sync_notes.offer_again(path, "hq") == 1
    ((id_, row),) = ledger.again(KEY, 10)
    assert row == '{"n": 0}'
    ledger.keep(KEY, batch(2, 1), [id_])
    assert ledger.again(KEY, 10) == []
    assert sync_notes.refused(path) == []
    ((*_, sent, refused, _, _, unconfirmed),) = sync_notes.lanes(path)
    assert (sent, refused, unconfirmed) == (1, 1, 1)
    ledger.close()
