"""The WAL is merged between commits, so that no commit waits for it."""

from contextlib import closing
from pathlib import Path

from gateway.store.connecting import CHECKPOINT_PAGES, PAGE_SIZE, WAL_LIMIT, connect_reader
from gateway.store.files import beside
from gateway.store.writer import Store
from tests.store.samples import open_store, reports, settings

FRAME = PAGE_SIZE + 24


def wal_frames(folder: Path) -> int:
    return beside(settings(folder).path, "-wal").stat().st_size // FRAME


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


def test_it_is_due_when_the_wal_is_long_enough_and_the_file_need_not_grow(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    wal = beside(settings(tmp_path).path, "-wal")
    assert wal.stat().st_size == WAL_LIMIT
    due = fill(store, 600, merge=True)
    assert len(due) > 2
    assert max(due[1:]) - min(due[1:]) < max(due) / 4, "as many commits each time"
    assert wal.stat().st_size == WAL_LIMIT
    store.close()


def test_while_somebody_reads_it_is_due_only_after_as_many_pages_more(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    fill(store, 5, merge=False)
    with closing(connect_reader(settings(tmp_path).path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM report").fetchone()
        due = fill(store, 600, merge=True)
    assert len(due) > 2
    assert min(due) > max(due) / 2
    assert wal_frames(tmp_path) > 2 * CHECKPOINT_PAGES
    store.close()


def test_without_it_sqlite_bounds_the_wal(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    fill(store, 600, merge=False)
    assert wal_frames(tmp_path) < CHECKPOINT_PAGES * 3
    store.close()


def test_a_merge_that_fails_is_no_news(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    store._connection.close()
    store.merging.run()
