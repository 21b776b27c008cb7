"""What goes, in which order, why; and that no clock makes anything go early."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.core.commands import State
from gateway.core.messages import Reason
from gateway.store import retention
from gateway.store.batch import Batch, OutboxRow, RejectRow, StoredReport
from gateway.store.connecting import WAL_LIMIT
from gateway.store.settings import DAY_MS
from gateway.store.thinning import HOUR_MS
from tests.store.samples import (
    NOW_MS,
    decision,
    open_store,
    order,
    report,
    settings,
    stored,
    verdict,
)

YEAR_MS = 365 * DAY_MS


def count(store, table):
    return store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def drain(store, now_ms=NOW_MS, clock_ok=True, mono_ms=None):
    dropped = Counter()
    for _ in range(2_000):
        done = store.maintain(now_ms, clock_ok, mono_ms)
        dropped.update(done.dropped)
        if not done.more:
            return dropped
    pytest.fail("maintain never ends")


def days(store, last, first=0):
    """One report and one of everything a day."""
    for n in range(first, last):
        mono = n * DAY_MS + 1_000
        store.commit(
            Batch(
                reports=[stored(n, at_ms=NOW_MS + n * DAY_MS, mono_ms=mono)],
                verdicts=[verdict(n, mono_ms=mono)],
                decisions=[replace(decision(n), verdict=verdict(n, mono_ms=mono))],
                commands=[replace(order(n), created_mono_ms=mono, state=State.CONFIRMED)],
                rejects=[RejectRow("s", "b", "t", b"x", "json", "", NOW_MS)],
            )
        )


def test_each_kind_goes_at_its_own_age_and_is_counted(tmp_path):
    keep = {
        "readings": 10 * DAY_MS,
        "verdicts": 5 * DAY_MS,
        "decisions": 20 * DAY_MS,
        "rejects": DAY_MS,
    }
    store = open_store(settings(tmp_path, keep_ms=keep))
    days(store, 31)
    dropped = drain(store)
    left = {t: count(store, t) for t in ("report", "verdict", "decision", "command", "reject")}
    assert left == {"report": 11, "verdict": 6, "decision": 21, "command": 21, "reject": 2}
    wanted = {kind: 31 - n for kind, n in left.items()}
    assert {kind: n for (kind, _), n in dropped.items()} == wanted
    assert store.counters() == {(f"dropped.{kind}", "age"): n for kind, n in wanted.items()}
    store.close()


def test_what_is_thinned_lives_on_by_the_hour(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"readings": DAY_MS}))
    hour = NOW_MS // HOUR_MS * HOUR_MS
    good = [[1.0, 10.0], [2.0, 20.0], [6.0, 30.0]]
    batch = [
        StoredReport(report(n, values, at_ms=hour + n * 60_000)) for n, values in enumerate(good)
    ]
    bad = report(3, [1e9, 1e9], at_ms=hour + 1, reasons=[Reason.RANGE, Reason.TYPE])
    text = report(4, ["on", True], at_ms=hour + HOUR_MS)
    store.commit(Batch(reports=[*batch, StoredReport(bad), StoredReport(text)]))
    store.commit(Batch(reports=[stored(9, mono_ms=3 * DAY_MS)]))
    drain(store)
    query = (
        "SELECT s.metric, hour_at_ms, n, low, mean, high "
        "FROM reading_hour h JOIN series s ON s.id = series"
    )
    assert sorted(store._connection.execute(query).fetchall()) == [
        ("power", hour, 3, 1.0, 3.0, 6.0),
        ("voltage", hour, 3, 10.0, 20.0, 30.0),
        ("voltage", hour + HOUR_MS, 1, 1.0, 1.0, 1.0),
    ]
    assert count(store, "report") == 1
    store.close()


@config(deadline=None, max_examples=15)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12), cut=st.integers(1, 11))
def test_thinning_in_two_steps_says_the_same_as_in_one(values, cut, tmp_path_factory):
    def thinned(*steps):
        store = open_store(settings(tmp_path_factory.mktemp("thin"), keep_ms={"readings": DAY_MS}))
        for n, step in enumerate(steps):
            batch = [
                StoredReport(report(0, [one], at_ms=NOW_MS, mono_ms=n * DAY_MS * 2)) for one in step
            ]
            store.commit(Batch(reports=batch))
            store.commit(Batch(reports=[StoredReport(report(0, [], mono_ms=(2 * n + 2) * DAY_MS))]))
            drain(store)
        row = store._connection.execute("SELECT n, low, high, mean FROM reading_hour").fetchone()
        store.close()
        return row

    one, two = thinned(values), thinned(values[:cut], values[cut:])
    assert one[:3] == two[:3]
    assert one[3] == pytest.approx(two[3], abs=1e-6)


@pytest.mark.parametrize("jump_ms", [10 * YEAR_MS, -10 * YEAR_MS, -NOW_MS])
def test_no_jump_of_the_clock_deletes_anything(tmp_path, jump_ms):
    given_ = settings(tmp_path, keep_ms={"readings": 7 * DAY_MS})
    store = open_store(given_)
    days(store, 3)
    assert drain(store, NOW_MS + jump_ms) == Counter()
    later = [stored(n, at_ms=NOW_MS + jump_ms, mono_ms=3 * DAY_MS + n) for n in range(5)]
    store.commit(Batch(reports=later))
    assert drain(store, NOW_MS + jump_ms) == Counter()
    store.close()
    again = open_store(given_, boot="boot-2", mono_ms=5)
    assert drain(again, NOW_MS) == Counter()
    assert count(again, "report") == 8
    again.close()


def test_rows_stamped_by_a_wrong_clock_do_not_hold_up_the_others(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"readings": 7 * DAY_MS}))
    store.commit(Batch(reports=[stored(1, at_ms=NOW_MS + 10 * YEAR_MS), stored(2)]))
    store.commit(Batch(reports=[stored(3, mono_ms=9 * DAY_MS)]))
    assert drain(store) == {("report", "age"): 2}
    store.close()


def test_age_waits_for_a_trusted_clock(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"readings": DAY_MS}))
    days(store, 5)
    assert drain(store, clock_ok=False) == Counter()
    assert drain(store, clock_ok=True)["report", "age"] == 3
    store.close()


def test_running_time_goes_on_over_boots_and_leaves_out_what_was_off(tmp_path):
    given_ = settings(tmp_path, keep_ms={"readings": 7 * DAY_MS})
    store = open_store(given_)
    days(store, 5)
    store._connection.close()  # the power went
    import os

    os.close(store._lock)
    again = open_store(given_, boot="boot-2", mono_ms=0)
    assert drain(again, NOW_MS + YEAR_MS, mono_ms=2 * DAY_MS) == Counter()
    assert drain(again, NOW_MS + YEAR_MS, mono_ms=4 * DAY_MS)["report", "age"] == 1
    again.close()


def fill(store, last, first=0):
    for n in range(first, last, 250):
        store.commit(Batch(reports=[stored(m) for m in range(n, n + 250)]))


def test_the_quota_is_kept_and_readings_go_first(tmp_path):
    store = open_store(settings(tmp_path, max_bytes=1 << 20))
    days(store, 40)
    dropped = Counter()
    for n in range(50, 20_000, 250):
        batch = [stored(m, mono_ms=40 * DAY_MS + m) for m in range(n, n + 250)]
        store.commit(Batch(reports=batch))
        dropped.update(drain(store, clock_ok=False))
    assert store.health().bytes <= 1 << 20
    assert count(store, "decision") == 40
    assert count(store, "command") == 40
    assert dropped["report", "quota"] + count(store, "report") == 40 + 19_950 + 50
    assert count(store, "reading_hour") > 0
    store.close()


def test_under_pressure_the_audit_goes_last_and_open_commands_never(tmp_path):
    store = open_store(settings(tmp_path))
    days(store, 40)
    store.commit(Batch(commands=[order(99)], outbox=[OutboxRow("t", b"x")]))
    store.commit(Batch(reports=[stored(n, mono_ms=40 * DAY_MS) for n in range(9)]))
    order_of_loss = []
    for _ in range(100):
        done = store._upkeep.shed(40 * DAY_MS, "quota", by_age=False)
        if not done.counts:
            break
        order_of_loss += [kind for kind, _ in done.counts]
    assert order_of_loss == [
        "report", "report", "reading_hour", "verdict", "reject", "outbox", "command", "decision",
    ]  # fmt: skip
    assert [one.id for one in store.open_commands()] == ["c000099"]
    assert count(store, "report") == 1  # row ids must never start again
    store.close()


def test_one_call_does_a_bounded_amount(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"readings": DAY_MS}))
    fill(store, 5_000)
    store.commit(Batch(reports=[stored(1, mono_ms=9 * DAY_MS)]))
    done = store.maintain(NOW_MS, clock_ok=True)
    assert done.dropped["report", "age"] == retention.ROWS
    assert done.more
    store.close()


def test_space_really_goes_back_to_the_disk(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"readings": DAY_MS}))
    fill(store, 20_000)
    store.commit(Batch(reports=[stored(1, mono_ms=9 * DAY_MS)]))
    before = store.health().bytes
    drain(store)
    assert store.health().bytes < before / 2
    assert store.health().wal_bytes <= WAL_LIMIT
    store.close()
