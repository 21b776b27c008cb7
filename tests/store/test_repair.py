"""What was stored before the clock was right is stamped again, once."""

import json
from dataclasses import replace

from gateway.core.messages import Origin
from gateway.store import repair
from gateway.store.batch import Batch, StoredReport
from tests.store.samples import (
    BOOT,
    NOW_MS,
    decision,
    open_store,
    order,
    report,
    settings,
    stored,
    verdict,
)

OFF_MS = 123_456_789


def at_ms(store):
    return [row[0] for row in store._connection.execute("SELECT at_ms FROM report ORDER BY id")]


def test_only_what_was_stored_without_a_clock_moves_and_only_once(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(1, clock_ok=False), stored(2)]))
    assert store.repair_clock(BOOT, OFF_MS) == 1
    assert at_ms(store) == [NOW_MS + 1 + OFF_MS, NOW_MS + 2]
    assert store.repair_clock(BOOT, OFF_MS) == 0
    store.commit(Batch(reports=[stored(3, clock_ok=False)]))
    store.maintain(NOW_MS, clock_ok=True)
    assert at_ms(store) == [NOW_MS + 1 + OFF_MS, NOW_MS + 2, NOW_MS + 3]
    assert len(list(store.tail(0))) == 21  # the checksums hold
    assert store.health().bad_rows == 0
    store.close()


def test_a_time_that_came_from_the_device_stays(tmp_path):
    store = open_store(settings(tmp_path))
    own = report(1, measured_at_ms=NOW_MS + OFF_MS, origin=Origin.SAMPLE)._replace(
        at_ms=NOW_MS + OFF_MS
    )
    store.commit(Batch(reports=[StoredReport(own, 0, clock_ok=False)]))
    store.repair_clock(BOOT, OFF_MS)
    query = "SELECT at_ms, received_at_ms, clock FROM report"
    moved = (NOW_MS + OFF_MS, NOW_MS + 1 + OFF_MS, 2)
    assert store._connection.execute(query).fetchall() == [moved]
    store.close()


def test_verdicts_decisions_and_commands_move_too(tmp_path):
    store = open_store(settings(tmp_path))
    batch = Batch(verdicts=[verdict()], decisions=[decision()], commands=[order()], clock_ok=False)
    store.commit(batch)
    assert store.repair_clock(BOOT, OFF_MS) == 3
    (command,) = store.open_commands()
    assert (command.created_at_ms, command.expires_at_ms) == (
        NOW_MS + OFF_MS,
        NOW_MS + 10_000 + OFF_MS,
    )
    document, at = store._connection.execute("SELECT verdict, at_ms FROM decision").fetchone()
    assert json.loads(document)["at_ms"] == at == NOW_MS + OFF_MS
    store.commit(Batch(commands=[replace(order(), evidence="device")]))
    assert store.open_commands()[0].created_at_ms == NOW_MS + OFF_MS
    store.close()


def test_another_boot_is_left_alone(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(1, clock_ok=False)]))
    store.close()
    again = open_store(settings(tmp_path), boot="boot-2")
    again.commit(Batch(reports=[stored(2, clock_ok=False)]))
    assert again.repair_clock("boot-2", OFF_MS) == 1
    assert at_ms(again) == [NOW_MS + 1, NOW_MS + 2 + OFF_MS]
    again.close()


def test_a_long_time_without_a_clock_is_repaired_step_by_step(tmp_path, monkeypatch):
    monkeypatch.setattr(repair, "STEPS", 1)
    monkeypatch.setattr(repair, "ROWS", 10)
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(n, clock_ok=False) for n in range(25)]))
    assert store.repair_clock(BOOT, OFF_MS) == 10
    store.close()
    again = open_store(settings(tmp_path))  # a restart half-way
    while again.maintain(NOW_MS, clock_ok=True).more:
        pass
    assert at_ms(again) == [NOW_MS + n + OFF_MS for n in range(25)]
    again.close()
