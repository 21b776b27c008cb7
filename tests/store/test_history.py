"""Walking through the past: order, ends, damage, and a writer beside it."""

from pathlib import Path

import pytest

from gateway.store.batch import Batch
from gateway.store.history import PAGE, History
from tests.store.samples import NOW_MS, decision, open_store, settings, stored

COUNT = 2 * PAGE + 10


def write(store, first, last):
    rows = [stored(n, at_ms=NOW_MS + n * 1_000, mono_ms=n * 1_000) for n in range(first, last)]
    store.commit(Batch(reports=rows))


@pytest.fixture
def store(tmp_path: Path):
    store = open_store(settings(tmp_path))
    yield store
    store.close()


def path(tmp_path: Path) -> Path:
    return settings(tmp_path).path


def times(history: History, since_ms: int, until_ms: int) -> list[int]:
    return [one.received_at_ms - NOW_MS for one in history.arrivals(since_ms, until_ms)]


def test_reports_come_in_the_order_of_arrival_over_all_pages(tmp_path: Path, store) -> None:
    write(store, 0, COUNT)
    with History.open(path(tmp_path)) as history:
        assert times(history, 0, 1 << 62) == [n * 1_000 for n in range(COUNT)]
        assert times(history, NOW_MS + 5_000, NOW_MS + 7_000) == [5_000, 6_000, 7_000]
        assert times(history, NOW_MS + 10**9, 1 << 62) == []


def test_what_is_stored_meanwhile_is_not_part_of_it_and_nothing_waits(
    tmp_path: Path, store
) -> None:
    write(store, 0, COUNT)
    with History.open(path(tmp_path)) as history:
        seen = 0
        for n, _ in enumerate(history.arrivals(0, 1 << 62)):
            if n % 500 == 0:
                write(store, COUNT + n, COUNT + n + 1)
            seen += 1
        assert seen == COUNT


def test_a_damaged_report_is_left_out_and_counted(tmp_path: Path, store) -> None:
    write(store, 0, 5)
    store._connection.execute("UPDATE report SET crc = crc + 1 WHERE id = 3")
    with History.open(path(tmp_path)) as history:
        assert len(times(history, 0, 1 << 62)) == 4
        assert history.bad_rows == 1


def test_the_newest_decision_of_each_policy_is_what_stands(tmp_path: Path, store) -> None:
    store.commit(Batch(decisions=[decision(n) for n in range(4)]))
    with History.open(path(tmp_path)) as history:
        every = history.decisions(0, 1 << 62)
        assert len(every) == 4
        (newest,) = history.standing(1 << 62)
        assert newest == every[-1]
        assert history.standing(0) == []


def test_the_end_is_when_the_gateway_was_last_seen(tmp_path: Path, store) -> None:
    write(store, 0, 2)
    with History.open(path(tmp_path)) as history:
        assert history.first_ms() == NOW_MS
        assert history.last_ms() == NOW_MS + 1_000
