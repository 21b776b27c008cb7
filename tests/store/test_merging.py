"""The WAL is merged between commits, so that no commit waits for it."""

from pathlib import Path

from gateway.store.connecting import CHECKPOINT_PAGES, PAGE_SIZE
from gateway.store.files import beside
from gateway.store.merging import FIRST
from gateway.store.writer import Store
from tests.store.samples import open_store, reports, settings

FRAME = PAGE_SIZE + 24


def fill(store: Store, commits: int, *, merge: bool) -> list[int]:
    """After how many commits each merge was due."""
    due, since = [], 0
    for n in range(commits):
        store.commit(reports(10 * n, 10 * n + 10))
        since += 1
        if merge and store.merging.due:
            store.merging.run()
            due.append(since)
            since = 0
    return due


def wal_pages(folder: Path) -> int:
    return beside(settings(folder).path, "-wal").stat().st_size // FRAME


def test_the_wal_stays_about_as_long_as_it_should_be(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    due = fill(store, 400, merge=True)
    assert due[0] == FIRST
    assert due[-1] > FIRST, "small commits need more of them"
    assert CHECKPOINT_PAGES / 2 < wal_pages(tmp_path) < CHECKPOINT_PAGES * 3 / 2
    store.close()


def test_without_it_sqlite_bounds_the_wal(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    fill(store, 400, merge=False)
    assert CHECKPOINT_PAGES < wal_pages(tmp_path) < CHECKPOINT_PAGES * 3
    store.close()


def test_a_merge_that_fails_is_no_news(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    store._connection.close()
    store.merging.run()
