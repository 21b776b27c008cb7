"""One batch is one transaction, whole or not at all, and comes back as it went in."""

import json
import math
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.core.commands import State
from gateway.core.messages import Origin, Reason
from gateway.errors import StoreBusyError
from gateway.store.batch import Batch, OutboxRow, RejectRow, StoredReport
from tests.store.samples import (
    BOOT,
    NAMES,
    NOW_MS,
    VALUES,
    decision,
    metric,
    open_store,
    order,
    report,
    reports,
    settings,
    stored,
    verdict,
)


@pytest.fixture
def store(tmp_path):
    opened = open_store(settings(tmp_path))
    yield opened
    opened.close()


def rows(store, table):
    return store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_readings_come_back_as_they_went_in(store):
    assert store.commit(reports(0, 3)).reports == 3
    found = list(store.tail(NOW_MS + 1))
    assert [one.value for one in found] == [*VALUES, *VALUES]
    assert [one.key for one in found[:7]] == [f"pump-7/{name}" for name in NAMES]
    assert {(one.boot, one.reason) for one in found} == {(BOOT, "ok")}
    assert [one.received_mono_ms for one in found[::7]] == [1_001, 1_002]


value = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=20)
)


@config(deadline=None, max_examples=40)
@given(batch=st.lists(st.lists(st.tuples(value, st.sampled_from(Reason)), max_size=5), max_size=5))
def test_any_values_and_reasons_survive(batch, tmp_path_factory):
    store = open_store(settings(tmp_path_factory.mktemp("any")))
    metrics = tuple(metric(f"m{n}") for n in range(5))
    made = [
        report(n, [v for v, _ in one], metrics=metrics, reasons=[reason for _, reason in one])
        for n, one in enumerate(batch)
    ]
    store.commit(Batch(reports=[StoredReport(one) for one in made]))
    found = [(one.key, one.value, type(one.value), one.reason) for one in store.tail(0)]
    wanted = [
        (r.metric.key, r.value, type(r.value), r.reason) for one in made for r in one.readings
    ]
    assert found == wanted
    store.close()


def test_a_report_without_readings_still_has_its_key(store):
    store.commit(Batch(reports=[StoredReport(report(1, []), 77)]))
    assert store.recent_keys(10) == [77]
    assert list(store.tail(0)) == []


def test_names_and_texts_with_lone_surrogates_are_stored(store):
    odd = metric("m", device="a\ud800b", asset="")
    batch = Batch(
        reports=[StoredReport(report(1, ["\udfff"], metrics=(odd,)))],
        kept={("r\ud800", "k"): "\udc00"},
        counts=Counter({("s\ud800", "r"): 1}),
        rejects=[RejectRow("s", "b", "t\ud800", b"\xff", "json", "\ud800", NOW_MS)],
    )
    store.commit(batch)
    assert [one.value for one in store.tail(0)] == ["\udfff"]
    assert store.kept("r\\ud800") == {"k": "\\udc00"}


def test_every_kind_goes_in_with_one_commit(store):
    batch = Batch(
        reports=[stored(1)],
        rejects=[RejectRow("zigbee", "local", "t", b"x" * 10_000, "json", "line 1", NOW_MS)],
        verdicts=[verdict()],
        decisions=[decision()],
        commands=[order()],
        counts=Counter({("mqtt", "dup"): 2}),
        kept={("ladder", "pump-7"): "{}"},
        outbox=[OutboxRow("edge/x", b"1", True, 0, NOW_MS), OutboxRow("edge/y", b"2")],
        cursors={"hq": 1},
    )
    done = store.commit(batch)
    assert done.last_report == 1
    assert [one.id for one in store.outbox(10)] == list(done.outbox_ids)
    for table in ("report", "reject", "verdict", "decision", "command", "cursor"):
        assert rows(store, table) == 1, table
    assert store.counters() == {("mqtt", "dup"): 2}
    assert store.kept("ladder") == {"pump-7": "{}"}
    assert store.cursors() == {"hq": 1}
    (size,) = store._connection.execute("SELECT length(payload) FROM reject").fetchone()
    assert size == 4_096
    document = store._connection.execute("SELECT verdict FROM decision").fetchone()[0]
    assert json.loads(document)["inputs"] == {"power": 1.5, "running": True}


def test_a_batch_that_fails_leaves_nothing_and_can_be_committed_again(store):
    bad = Batch(reports=[stored(1)], verdicts=[replace(verdict(), at_ms=None)])
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(bad)
    assert [rows(store, table) for table in ("report", "series", "layout", "verdict")] == [0] * 4
    bad.verdicts = [verdict()]
    assert store.commit(bad).last_report == 1
    assert len(list(store.tail(0))) == 7


def test_counters_add_up_and_kept_texts_are_replaced_and_forgotten(store):
    for text in ("1", "2"):
        store.commit(
            Batch(counts=Counter({("a", "b"): 3}), kept={("r", "x"): text, ("r", "y"): "0"})
        )
    assert store.counters() == {("a", "b"): 6}
    store.commit(Batch(kept={("r", "y"): None}))
    assert store.kept("r") == {"x": "2"}


def test_commands_are_brought_up_to_date_and_only_open_ones_come_back(store):
    store.commit(Batch(commands=[order(1), order(2), order(3)]))
    sent = replace(order(2), state=State.SENT, sent_at_ms=NOW_MS + 9, sent_mono_ms=9)
    ended = replace(order(3), state=State.CONFIRMED, ended_at_ms=NOW_MS, evidence="device")
    store.commit(Batch(commands=[sent, ended]))
    assert store.open_commands() == [order(1), sent]
    assert rows(store, "command") == 3


def test_recent_keys_are_the_newest_first_and_leave_out_reports_without_one(store):
    store.commit(Batch(reports=[stored(n, key=n % 3 and n) for n in range(9)]))
    assert store.recent_keys(4) == [8, 7, 5, 4]
    store.commit(Batch(reports=[stored(9, key=(1 << 63) - 1)]))
    assert store.recent_keys(1) == [(1 << 63) - 1]


def test_published_messages_leave_the_outbox(store):
    ids = store.commit(Batch(outbox=[OutboxRow(f"t{n}", b"") for n in range(5)])).outbox_ids
    store.commit(Batch(published=list(ids[1:3])))
    assert [one.topic for one in store.outbox(2)] == ["t0", "t3"]


def test_the_tail_is_by_time_and_by_asset(store):
    other = (metric("speed", device="fan", asset="fan-1"),)
    store.commit(
        Batch(
            reports=[
                stored(5),
                stored(2, at_ms=NOW_MS + 2),
                StoredReport(report(3, [1.5], metrics=other)),
            ]
        )
    )
    assert [one.at_ms - NOW_MS for one in store.tail(0)] == [2] * 7 + [3] + [5] * 7
    assert [one.key for one in store.tail(0, {"fan-1"})] == ["fan-1/speed"]


def test_latest_is_the_newest_reading_of_each_series(store):
    store.commit(Batch(reports=[stored(1), stored(2, values=(9.0,))]))
    latest = {one.key: one.value for one in store.latest()}
    assert latest["pump-7/power"] == 9.0
    assert latest["pump-7/voltage"] == 230.1
    assert len(latest) == 7


def test_origin_and_device_time_are_kept(store):
    more = {"measured_at_ms": NOW_MS - 5, "origin": Origin.SAMPLE}
    store.commit(Batch(reports=[StoredReport(report(1, **more))]))
    assert len(list(store.tail(0))) == 7
    row = store._connection.execute("SELECT DISTINCT measured_at_ms, origin FROM reading")
    assert row.fetchall() == [(NOW_MS - 5, "sample")]


def test_the_view_shows_readings_one_by_one(store):
    reasons = [Reason.OK, Reason.CACHED, *[Reason.OK] * 5]
    store.commit(Batch(reports=[StoredReport(report(1, reasons=reasons))]))
    query = "SELECT asset, metric, value, unit, reason FROM reading ORDER BY rowid LIMIT 2"
    assert store._connection.execute(query.replace("ORDER BY rowid ", "")).fetchall() == [
        ("pump-7", "power", 1234.5, "W", "ok"),
        ("pump-7", "voltage", 230.1, "W", "cached"),
    ]


@pytest.mark.parametrize("values", [[True, math.nan], [1.0, math.inf], [math.nan]])
def test_a_number_that_is_not_finite_is_refused_whole(store, values):
    with pytest.raises(ValueError, match=r"JSON|finite"):
        store.commit(Batch(reports=[stored(1), StoredReport(report(2, values))]))
    assert rows(store, "report") == 0


def test_a_second_process_is_told_what_to_do(store, tmp_path):
    with pytest.raises(StoreBusyError, match=r"stop that one .*store\.path"):
        open_store(settings(tmp_path))


def test_the_lock_is_free_after_a_clean_stop(tmp_path):
    for _ in range(2):
        open_store(settings(tmp_path)).close()


def test_row_ids_go_on_after_a_restart(tmp_path):
    first = open_store(settings(tmp_path))
    first.commit(reports(0, 5))
    first.close()
    again = open_store(settings(tmp_path))
    assert again.commit(reports(5, 6)).last_report == 6
    assert len(list(again.tail(0))) == 6 * 7
    again.close()


@pytest.mark.parametrize("times", [1, 2])
def test_opening_a_new_or_an_up_to_date_file_does_not_import_sqlite_utils(
    tmp_path: Path, times: int
) -> None:
    for _ in range(times - 1):
        open_store(settings(tmp_path)).close()
    code = (
        "import sys; from tests.store.samples import *; from pathlib import Path\n"
        "open_store(settings(Path(sys.argv[1]))).close()\n"
        "print('sqlite_utils' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_health_says_how_much_there_is(store):
    store.commit(reports(0, 10))
    health = store.health()
    assert (health.state, health.rows["report"], health.bad_rows) == ("ok", 10, 0)
    assert (health.oldest_at_ms, health.newest_at_ms) == (NOW_MS, NOW_MS + 9)
    assert health.bytes > 0
    assert health.free_disk_bytes > 0
