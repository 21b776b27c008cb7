"""Few reports pass through a table in memory: the index on time is filled page by page."""

from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.arriving import LATE_MS, MOST
from gateway.store.batch import Batch, StoredReport
from gateway.store.connecting import connect_reader
from gateway.store.writer import Store
from tests.store.samples import NOW_MS, open_store, report, settings

PAGES = "SELECT count(*) FROM dbstat WHERE name = 'report_at_ms'"
ROWS = "SELECT id, at_ms FROM report ORDER BY id"


def fill(store: Store, times_ms: list[int], n: int) -> None:
    """Reports of these times, in commits of ``n``."""
    for first in range(0, len(times_ms), n):
        made = [report(at_ms - NOW_MS, [1.0]) for at_ms in times_ms[first : first + n]]
        store.commit(Batch(reports=[StoredReport(one) for one in made]))


def ask(folder: Path, query: str) -> list[tuple[int, ...]]:
    with closing(connect_reader(settings(folder).path)) as reader:
        return reader.execute(query).fetchall()


@pytest.mark.parametrize("n", [3, MOST, MOST + 1, 256])
@pytest.mark.parametrize("step_ms", [20, 0, -20, LATE_MS * 3])
def test_whatever_the_way_every_report_is_stored_in_order(
    tmp_path: Path, n: int, step_ms: int
) -> None:
    times_ms = [NOW_MS + step_ms * number for number in range(600)]
    store = open_store(settings(tmp_path))
    fill(store, times_ms, n)
    store.close()
    assert ask(tmp_path, ROWS) == [(1 + at, time_ms) for at, time_ms in enumerate(times_ms)]
    assert ask(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_few_at_a_time_need_no_more_pages_than_many(tmp_path: Path) -> None:
    times_ms = [NOW_MS + 20 * number for number in range(6_000)]
    pages = {}
    for n in (3, 256):
        folder = tmp_path / str(n)
        folder.mkdir()
        store = open_store(settings(folder))
        fill(store, times_ms, n)
        store.close()
        (pages[n],) = ask(folder, PAGES)[0]
    assert pages[3] < pages[256], "SQLite copied the table as sorted: the index has full pages"


def test_a_batch_that_fails_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    fill(store, [NOW_MS], 1)
    store._next = 1  # a row id that is taken
    with pytest.raises(Exception, match="UNIQUE"):
        fill(store, [NOW_MS + 1], 1)
    store._next = 2
    fill(store, [NOW_MS + 2], 1)
    store.close()
    assert ask(tmp_path, ROWS) == [(1, NOW_MS), (2, NOW_MS + 2)]


def test_it_is_made_anew_after_a_device_was_erased(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    fill(store, [NOW_MS], 1)
    store.forget("zigbee", "nobody")
    fill(store, [NOW_MS + 1], 1)
    store.close()
    assert len(ask(tmp_path, ROWS)) == 2
