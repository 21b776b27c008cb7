"""What is stored for clouds alone: with what it tells of, until all have it, and bounded."""

import json
from contextlib import closing

import pytest

from gateway.store import sync_opening, sync_rows
from gateway.store.batch import Batch, SyncRow
from gateway.store.outgoing import Outgoing
from gateway.store.sync_ledger import Ledger
from tests.store.samples import BOOT, NOW_MS, crash, decision, open_store, settings, stored

MANY = 1 << 30


def alert(n: int, text: str = "pump 7: raised") -> SyncRow:
    return SyncRow("alert", "pump-7", NOW_MS + n, json.dumps({"kind": "raised", "text": text}))


def health(n: int, size: int = 10) -> SyncRow:
    return SyncRow("health", "", NOW_MS + n, json.dumps({"state": "x" * size}))


def there(store, kind=""):
    query = "SELECT id, kind FROM sync_row ORDER BY id"
    return [id_ for id_, one in store._connection.execute(query) if kind in ("", one)]


def small(monkeypatch, most, most_health):
    monkeypatch.setattr(sync_rows, "MOST", most)
    monkeypatch.setattr(sync_rows, "MOST_HEALTH", most_health)


def test_a_row_is_stored_with_what_it_tells_of_or_not_at_all(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(decisions=[decision()], sync_rows=[alert(1)]))
    broken = Batch(decisions=[decision(2)], sync_rows=[alert(2)], counts={("a", "b"): "x" * 9})
    store._connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON counter BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    with pytest.raises(Exception, match="no"):
        store.commit(broken)
    assert there(store) == [1]
    crash(store)
    with Outgoing.open(tmp_path / "gateway.db") as outgoing:
        (row,) = outgoing.queued("alert", 0, 10)
    assert (row.id, row.asset, row.at_ms, row.clock) == (1, "pump-7", NOW_MS + 1, 1)
    assert json.loads(row.body) == {"kind": "raised", "text": "pump 7: raised"}


def test_what_every_cloud_has_is_forgotten_and_its_numbers_never_come_again(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(sync_rows=[alert(1), health(2), alert(3)]))
    store.commit(Batch(synced={"alert": 3, "health": 1}))
    assert there(store) == [2]
    store.commit(Batch(synced={"health": MANY}))
    store.close()
    store = open_store(settings(tmp_path))
    store.commit(Batch(sync_rows=[alert(4)]))
    assert there(store) == [4]
    store.close()


def test_health_gives_way_to_alerts_and_what_went_is_counted(tmp_path, monkeypatch):
    small(monkeypatch, 10, 4)
    store = open_store(settings(tmp_path))
    store.commit(Batch(sync_rows=[health(n) for n in range(6)]))
    assert there(store) == [3, 4, 5, 6]
    store.commit(Batch(sync_rows=[alert(n) for n in range(9)]))
    assert (len(there(store, "health")), len(there(store, "alert"))) == (1, 9)
    store.commit(Batch(sync_rows=[alert(n) for n in range(5)]))
    assert (len(there(store, "health")), len(there(store, "alert"))) == (0, 10)
    assert store.counters() == {
        ("dropped.sync_row", "health"): 6,
        ("dropped.sync_row", "alert"): 4,
    }
    store.close()


def test_a_body_that_is_too_long_is_left_out(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(sync_rows=[health(1, size=sync_rows.BODY_BYTES), alert(2)]))
    assert there(store, "health") == []
    assert store.counters() == {("dropped.sync_row", "size"): 1}
    store.close()


def test_a_full_quota_takes_health_before_readings_and_alerts_after_decisions(tmp_path):
    store = open_store(settings(tmp_path, max_bytes=4 << 20))
    store.commit(
        Batch(sync_rows=[*map(alert, range(500)), *(health(n, 2_000) for n in range(900))])
    )
    for n in range(0, 30_000, 1_000):
        store.commit(Batch(reports=[stored(one) for one in range(n, n + 1_000)]))
        while store.maintain(NOW_MS, clock_ok=False).more:
            pass
    assert there(store, "health") == []
    assert len(there(store, "alert")) == 500
    assert store.counters()["dropped.sync_row", "quota"] == 900
    store.close()


def test_rows_of_a_boot_without_a_clock_are_stamped_again(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(sync_rows=[alert(1)], clock_ok=False))
    store.commit(Batch(sync_rows=[alert(2)]))
    assert store.repair_clock(BOOT, 5_000_000) == 1
    query = "SELECT at_ms, clock FROM sync_row ORDER BY id"
    assert store._connection.execute(query).fetchall() == [
        (NOW_MS + 1 + 5_000_000, 2),
        (NOW_MS + 2, 1),
    ]
    store.close()


def test_rows_are_salvaged_from_a_damaged_database(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(n) for n in range(3_000)], sync_rows=[alert(1), health(2)]))
    store.close()
    path = tmp_path / "gateway.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 1024 * 1024
    content[middle : middle + 8_192] = b"\xff" * 8_192
    path.write_bytes(content)
    other = open_store(settings(tmp_path), boot="boot-2")
    other._guard.state, other._guard.damage = "corrupt", "found by hand"
    other.recover()
    while other.maintain(NOW_MS, clock_ok=True).more:
        pass
    kinds = other._connection.execute("SELECT kind FROM sync_row ORDER BY id").fetchall()
    assert kinds == [("alert",), ("health",)]
    other.close()


def test_a_device_that_is_forgotten_is_not_named_here_either(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(1)], sync_rows=[alert(1, "PLUG: stop failed"), alert(2)]))
    store.forget("zigbee", "plug")
    assert there(store) == [2]
    store.close()


def test_rows_that_a_cloud_refused_are_forgotten_with_their_device(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(1)]))
    path = sync_opening.ledger_of(tmp_path / "gateway.db")
    ledger = Ledger.open(path, NOW_MS)
    with closing(sync_opening.connect_beside(path)) as beside:
        insert = "INSERT INTO refused VALUES (NULL, 'hq', 'live', 'e', ?, 0, 'no', ?, 0)"
        beside.execute(insert, (1, '{"device":"PLUG"}'))
        beside.execute(insert, (2, '{"device":"fan"}'))
        assert store.forget("zigbee", "plug").outbox == 1
        assert beside.execute("SELECT seq FROM refused").fetchall() == [(2,)]
    ledger.close()
    store.close()
