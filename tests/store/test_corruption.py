"""A damaged database is a normal event: it always opens, salvages, and says what it did."""

import os
import random
import shutil

import pytest

from gateway.errors import StoreCorruptError
from gateway.store import opening, salvage
from gateway.store.batch import Batch
from gateway.store.files import aside
from gateway.store.reader import Reader
from tests.store.samples import (
    NOW_MS,
    crash,
    decision,
    open_store,
    order,
    report,
    reports,
    settings,
    stored,
    verdict,
)

REPORTS = 1_500


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A closed database, marked as not cleanly closed."""
    place = tmp_path_factory.mktemp("sound")
    store = open_store(settings(place))
    for n in range(0, REPORTS, 100):
        store.commit(reports(n, n + 100))
    store.commit(Batch(commands=[order(1)], decisions=[decision(1)], verdicts=[verdict(1)]))
    store.commit(Batch(counts={("mqtt", "dup"): 3}, kept={("r", "k"): "v"}))  # type: ignore[arg-type]
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    return place / "gateway.db"


@pytest.fixture
def damaged(sound, tmp_path):
    return shutil.copy(sound, tmp_path / "gateway.db")


def finish(store):
    while store.maintain(NOW_MS, clock_ok=False).more:
        pass


WANTED = {
    (r.at_ms, reading.metric.key): reading.value
    for r in map(report, range(REPORTS))
    for reading in r.readings
}


def values(store):
    """Share of the readings that are there; none may be another value than was stored."""
    good = {(one.at_ms, one.key): one.value for one in store.tail(0)}
    assert good.items() <= WANTED.items()
    return len(good) / len(WANTED)


def flip(path, offset, bit=0):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ (1 << bit),)))


def test_control_a_sound_file_stays_where_it_is(damaged, tmp_path):
    store = open_store(settings(tmp_path))
    assert (store.opened.set_aside, store.opened.salvaged) == (None, None)
    assert any("not clean" in note for note in store.opened.notes)
    assert values(store) == 1.0
    store.close()


def test_a_clean_stop_needs_no_check(damaged, tmp_path):
    open_store(settings(tmp_path)).close()
    store = open_store(settings(tmp_path))
    assert not any("not clean" in note for note in store.opened.notes)
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_page_of_rubbish_costs_only_its_rows(damaged, tmp_path, seed):
    dice = random.Random(seed)
    pages = damaged.stat().st_size // 1024
    with damaged.open("r+b") as file:
        file.seek(dice.randrange(pages // 2, pages) * 1024)
        file.write(dice.randbytes(1024))
    store = open_store(settings(tmp_path))
    assert store.opened.set_aside is not None
    finish(store)
    assert values(store) >= 0.9
    assert [one.id for one in store.open_commands()] == ["c000001"]
    assert store.counters()["mqtt", "dup"] == 3
    assert store.kept("r") == {"k": "v"}
    assert any("damaged" in note for note in store.opened.notes)
    store.commit(reports(REPORTS, REPORTS + 5))
    newest = sorted((REPORTS + n for n in range(5)), reverse=True)
    assert store.recent_keys(5) == newest
    store.close()
    again = open_store(settings(tmp_path))
    assert again.opened.set_aside is None
    again.close()


def test_a_spoilt_header_costs_nothing(damaged, tmp_path):
    with damaged.open("r+b") as file:
        file.write(b"\0" * 24)
    store = open_store(settings(tmp_path))
    finish(store)
    assert values(store) == 1.0
    store.close()


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.7, 0.99])
def test_a_file_cut_short_opens_and_gives_what_is_left(damaged, tmp_path, share):
    os.truncate(damaged, int(damaged.stat().st_size * share))
    store = open_store(settings(tmp_path))
    finish(store)
    left = values(store)
    assert left > 0.9 or share < 0.9  # before that, the inner pages may be what was cut off
    store.commit(reports(REPORTS, REPORTS + 1))
    store.close()


def test_hourly_values_are_salvaged_with_the_rest(tmp_path):
    given = settings(tmp_path, keep_ms={"readings": 1_000})
    store = open_store(given)
    store.commit(reports(0, 5))
    store.commit(Batch(reports=[stored(9, mono_ms=60_000)]))
    finish(store)
    assert store.maintain(NOW_MS, clock_ok=True).dropped["report", "age"] == 5
    crash(store)
    with given.path.open("r+b") as file:
        file.write(b"\0" * 24)
    store = open_store(given)
    finish(store)
    query = "SELECT s.metric, n, mean FROM reading_hour h JOIN series s ON s.id = h.series"
    assert ("power", 5, 1234.5) in store._connection.execute(query).fetchall()
    store.close()


def test_rubbish_instead_of_a_database_is_set_aside(tmp_path):
    (tmp_path / "gateway.db").write_bytes(random.Random(1).randbytes(50_000))
    store = open_store(settings(tmp_path))
    finish(store)
    store.commit(reports(0, 1))
    assert store.opened.set_aside is not None
    store.close()


def test_single_flipped_bits_always_open_and_never_change_a_value(sound, tmp_path):
    dice = random.Random(7)
    size = sound.stat().st_size
    shares = []
    for n in range(30):
        place = tmp_path / str(n)
        place.mkdir()
        shutil.copy(sound, place / "gateway.db")
        flip(place / "gateway.db", dice.randrange(size), dice.randrange(8))
        store = open_store(settings(place))
        try:
            finish(store)
            shares.append(values(store))
        except StoreCorruptError:  # found while reading, where the quick check does not look
            store.recover()
            finish(store)
            shares.append(values(store))
        store.commit(reports(REPORTS, REPORTS + 1))
        store.close()
    assert min(shares) >= 0.5  # an inner page leads to a hundred others
    assert sum(shares) / len(shares) >= 0.95


def test_a_changed_value_is_skipped_and_counted(damaged, tmp_path):
    data = damaged.read_bytes()
    place = data.index(b"[1234.5,230.1,")
    flip(damaged, place + 3)
    store = open_store(settings(tmp_path))
    assert store.opened.set_aside is None  # SQLite cannot see it
    assert len(list(store.tail(0))) == (REPORTS - 1) * 7
    assert store.health().bad_rows == 1
    store.close()
    with Reader.open(damaged) as reader:
        assert len(reader.readings("pump-7", 0)) == (REPORTS - 1) * 7
        assert reader.bad_rows == 1


def test_a_salvage_goes_on_after_a_restart(damaged, tmp_path, monkeypatch):
    with damaged.open("r+b") as file:
        file.write(b"\0" * 24)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "SALVAGE_S", 0.0)
        patch.setattr(salvage, "RANGE", 100)
        patch.setattr(salvage, "STEPS", 1)
        store = open_store(settings(tmp_path))
        assert store.opened.salvaged == 0
        store.commit(reports(REPORTS, REPORTS + 3))
        crash(store)
    store = open_store(settings(tmp_path))
    finish(store)
    assert len(list(store.tail(0))) == (REPORTS + 3) * 7
    assert store.recent_keys(4) == [REPORTS + 2, REPORTS + 1, REPORTS, REPORTS - 1]
    store.close()


def test_damage_found_while_running_is_recovered(damaged, tmp_path):
    store = open_store(settings(tmp_path))
    store._connection.execute("PRAGMA cache_size = 0")
    with damaged.open("r+b") as file:
        file.seek(1024 * 3)
        file.write(b"\xff" * (damaged.stat().st_size - 1024 * 3))
    with pytest.raises(StoreCorruptError):
        store.commit(reports(REPORTS, REPORTS + 300))
    opened = store.recover()
    assert opened.set_aside is not None
    store.commit(reports(REPORTS, REPORTS + 300))
    assert len(store.recent_keys(300)) == 300
    store.close()


def test_at_most_two_damaged_files_are_kept(tmp_path):
    for n in range(4):
        (tmp_path / "gateway.db").write_bytes(bytes((n + 1,)) * 5_000)
        store = open_store(settings(tmp_path))
        finish(store)
        store.close()
    kept = aside(tmp_path / "gateway.db")
    assert len(kept) == 2
    assert len(list(tmp_path.glob("*.corrupt.*"))) <= 6
    assert stored(1).key == 1
