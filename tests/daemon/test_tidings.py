"""What clouds are told is stored in the batch of what it tells of, and only when one wants it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.config.settings import Limits
from gateway.core.alerts import Kind as Told
from gateway.core.alerts import Notice
from gateway.core.choices import Choice, Kind
from gateway.daemon.journal import HELD_ROWS, Journal
from gateway.daemon.tidings import EVERY_MS, SECURITY, Tidings
from gateway.store.batch import Batch, SyncRow
from gateway.store.writer import Store
from tests.fakes.inside import Clocks
from tests.store.samples import open_store, settings

NOTICE = Notice(Told.RAISED, "Pump (pump): alarm", 1_795_000_000_000, "pump")
HEALTH: dict[str, object] = {"state": "running", "problems": []}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(settings(tmp_path))
    yield made
    made.close()


@pytest.fixture
def journal(store: Store) -> Iterator[Journal]:
    with ThreadPoolExecutor(1) as pool:
        yield Journal(store, pool, Clocks(), lambda *_: None, Limits())


def wants(*kinds: Kind) -> Choice:
    return Choice(frozenset(kinds))


def queued(batch: Batch) -> list[str]:
    return [row.kind for row in batch.sync_rows]


def test_nothing_is_stored_that_no_cloud_wants(journal: Journal) -> None:
    tidings = Tidings(journal, Clocks())
    tidings.notice(NOTICE)
    tidings.health(HEALTH)
    assert not journal.batch
    tidings.adopt([wants(Kind.READINGS), wants(Kind.ALERTS)])
    tidings.health(HEALTH)
    tidings.notice(NOTICE)
    assert queued(journal.batch) == ["alert"]
    (row,) = journal.batch.sync_rows
    assert (row.asset, row.at_ms) == ("pump", NOTICE.at_ms)
    assert json.loads(row.body) == {"kind": "raised", "text": "Pump (pump): alarm"}


def test_health_is_stored_now_and_then(journal: Journal) -> None:
    clock = Clocks()
    tidings = Tidings(journal, clock)
    tidings.adopt([wants(Kind.HEALTH)])
    tidings.health(HEALTH)
    tidings.health(HEALTH)
    assert queued(journal.batch) == ["health"]
    clock.pass_ms(EVERY_MS)
    tidings.health(HEALTH)
    assert queued(journal.batch) == ["health", "health"]


def test_what_waits_and_nobody_wants_any_more_is_forgotten(store: Store, journal: Journal) -> None:
    store.commit(Batch(sync_rows=[SyncRow("alert", "", 1, "{}"), SyncRow("health", "", 1, "{}")]))
    tidings = Tidings(journal, Clocks())
    tidings.adopt([wants(Kind.ALERTS)])
    store.commit(journal.batch)
    left = store._connection.execute("SELECT id, kind FROM sync_row").fetchall()
    assert left == [(1, "alert")]
    tidings.taken({"alert": 1})
    store.commit(Batch(synced=journal.batch.synced))
    assert store._connection.execute("SELECT count(*) FROM sync_row").fetchone() == (0,)


def test_an_attacker_cannot_push_out_what_is_true(journal: Journal) -> None:
    clock = Clocks()
    tidings = Tidings(journal, clock)
    tidings.adopt([wants(Kind.ALERTS)])
    for _ in range(2):
        clock.pass_ms(EVERY_MS)
        for _ in range(SECURITY + 5):
            tidings.notice(NOTICE._replace(kind=Told.SECURITY))
            tidings.notice(NOTICE)
    kinds = [json.loads(row.body)["kind"] for row in journal.batch.sync_rows]
    assert kinds.count("security") == 2 * SECURITY
    assert kinds.count("raised") == 2 * (SECURITY + 5)
    assert journal.batch.counts["dropped.sync_row", "flood"] == 10


def test_while_the_store_refuses_only_so_many_wait(journal: Journal) -> None:
    tidings = Tidings(journal, Clocks())
    tidings.adopt([wants(Kind.ALERTS)])
    journal.trouble = "full"
    for _ in range(HELD_ROWS + 5):
        tidings.notice(NOTICE)
    assert len(journal.batch.sync_rows) == HELD_ROWS
    assert journal.batch.counts["journal", "store_unavailable"] == 5
