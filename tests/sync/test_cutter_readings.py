"""Readings as rows: nothing lost, nothing twice, in order, whatever the pages."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.core.batches import Lane
from gateway.core.choices import Kind
from gateway.core.messages import Reason
from gateway.errors import DecodeError, StoreReadOnlyError
from gateway.store.batch import Batch
from gateway.store.settings import DAY_MS
from tests.sync.rooms import (
    BOOT,
    NOW_MS,
    OTHER,
    POWER,
    RUNNING,
    WORD,
    choice,
    cutter,
    everything,
    open_store,
    stored,
)

RAW = choice(Kind.READINGS)


def drain(store, mono_ms=None, now_ms=NOW_MS, clock_ok=True):
    while store.maintain(now_ms, clock_ok, mono_ms).more:
        pass


def test_a_reading_says_who_measured_what_and_how_far_it_is_to_be_trusted(store):
    batch = Batch(
        reports=[stored(5, (POWER, 1.5), (RUNNING, True), (WORD, "low", Reason.CACHED), at_ms=7)]
    )
    store.commit(batch)
    cut = cutter(store, RAW).cut("", 10)
    first = {
        "kind": "reading",
        "asset": "pump-7",
        "source": "zigbee",
        "device": "plug",
        "metric": "power",
        "unit": "W",
        "value": 1.5,
        "reason": "ok",
        "at_ms": 7,
        "received_at_ms": NOW_MS + 5,
        "clock": 1,
    }
    assert cut.rows[0] == first
    assert [row["value"] for row in cut.rows] == [1.5, True, "low"]
    assert [row["reason"] for row in cut.rows] == ["ok", "ok", "cached"]
    assert (cut.position, cut.more) == (f"report:1@{NOW_MS + 5}", False)


def test_only_the_assets_and_metrics_that_are_named(store):
    both = [stored(n, (POWER, 1.0), (RUNNING, True)) for n in range(3)]
    store.commit(Batch(reports=[*both, *(stored(n, (OTHER, 2.0)) for n in range(3))]))
    rows, end = everything(cutter(store, choice(Kind.READINGS, assets=["fan-1"])))
    assert [row["asset"] for row in rows] == ["fan-1"] * 3
    rows, same = everything(cutter(store, choice(Kind.READINGS, metrics=["running"])))
    assert [row["metric"] for row in rows] == ["running"] * 3
    rows, there = everything(cutter(store, choice(Kind.READINGS, assets=["nobody"])))
    assert rows == []
    assert end == same == there == cutter(store, RAW).head()


def test_readings_without_a_clock_carry_what_repairs_them(store):
    store.commit(Batch(reports=[stored(5, (POWER, 1.0), clock_ok=False)]))
    (row,) = cutter(store, RAW).cut("", 10).rows
    assert (row["clock"], row["boot"], row["mono_ms"]) == (0, BOOT, 1_005)
    store.repair_clock(BOOT, 1_000_000)
    (row,) = cutter(store, RAW).cut("", 10).rows
    assert (row["clock"], row["at_ms"], "boot" in row) == (2, NOW_MS + 1_000_005, False)
    events = cutter(store, RAW, Lane.EVENTS)
    (told,) = everything(events)[0]
    assert told["kind"] == "clock"
    assert told["body"] == {"boot": BOOT, "offset_ms": 1_000_000, "until_mono_ms": 1_005}


def test_a_damaged_report_is_left_out_and_the_rest_goes_on(store, tmp_path):
    store.commit(Batch(reports=[stored(n) for n in range(3)]))
    other = sqlite3.connect(tmp_path / "gateway.db")
    other.execute("UPDATE report SET value_list = '[9.0]' WHERE id = 2")
    other.commit()
    other.close()
    assert [row["value"] for row in everything(cutter(store, RAW))[0]] == [0.0, 2.0]


@pytest.mark.parametrize("words", ["report:1", "audit:1", "alert:1,audit:2"])
def test_words_that_are_no_position_are_refused(store, words):
    with pytest.raises(DecodeError):
        cutter(store, RAW).cut(words, 10)


def test_another_database_in_its_place_is_noticed(store, tmp_path):
    store.commit(Batch(reports=[stored(1)]))
    found = cutter(store, RAW)
    (tmp_path / "gateway.db").rename(tmp_path / "aside.db")
    with pytest.raises(StoreReadOnlyError):
        found.cut("", 10)
    (tmp_path / "gateway.db").touch()
    with pytest.raises(StoreReadOnlyError, match="another database"):
        found.cut("", 10)


def test_a_range_ends_where_it_was_told_to(store):
    store.commit(Batch(reports=[stored(n) for n in range(9)]))
    found = cutter(store, RAW)
    until = found.cut("", 6).position
    rows, end = everything(found, [2, 2, 2], "", until)
    assert [row["value"] for row in rows] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert end == until
    assert (found.left("", until), found.left(until), found.left(end, until)) == (6, 3, 0)
    assert found.back(until, 4, "") == found.cut("", 2).position
    assert found.back(until, 40, "") == ""


def test_layouts_that_were_erased_do_not_lend_their_numbers_to_others(store):
    store.commit(Batch(reports=[stored(1, (POWER, 1.0)), stored(2, (OTHER, 2.0))]))
    found = cutter(store, RAW)
    first = found.cut("", 10)
    store.forget("zigbee", "fan")
    store.commit(Batch(reports=[stored(3, (RUNNING, True)), stored(4, (OTHER, 3.0))]))
    rows, _ = everything(found, (), first.position)
    assert [(row["device"], row["metric"]) for row in rows] == [
        ("plug", "running"),
        ("fan", "power"),
    ]


def test_half_a_character_of_a_device_goes_out_as_its_escape(store):
    store.commit(Batch(reports=[stored(1, (WORD, "a\ud800"))]))
    (row,) = cutter(store, RAW).cut("", 10).rows
    assert row["value"] == "a\\ud800"


# -- laws ------------------------------------------------------------------------------------------

REPORTS = st.lists(
    st.tuples(st.integers(0, 200_000), st.sampled_from([1, 2, 3]), st.booleans()), max_size=40
)
SIZES = st.lists(st.integers(1, 7), max_size=60)
READINGS = ((POWER, 1.0), (RUNNING, True), (WORD, "on"))


def made(reports):
    """Reports in the order of arrival; every value is another one."""
    arrivals = sorted(after for after, _, _ in reports)
    return [
        stored(after, *((one, n + value / 10) for one, value in READINGS[:2][:count]), clock_ok=ok)
        for n, (after, (_, count, ok)) in enumerate(zip(arrivals, reports, strict=True))
    ]


@config(deadline=None, max_examples=40)
@given(REPORTS, SIZES, st.sampled_from([Kind.READINGS, Kind.MINUTES]))
def test_pages_of_any_size_give_the_same_rows_in_the_same_order(
    tmp_path_factory, reports, sizes, kind
):
    store = open_store(tmp_path_factory.mktemp("db"))
    store.commit(Batch(reports=made(reports)))
    found = cutter(store, choice(kind))
    whole, end = everything(found)
    pages, there = everything(found, sizes)
    assert pages == whole
    assert end == there
    assert everything(found, sizes)[0] == whole
    found.close()
    store.close()


@config(deadline=None, max_examples=40)
@given(REPORTS, st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=40))
def test_a_writer_in_between_makes_it_skip_nothing_and_send_nothing_twice(
    tmp_path_factory, reports, turns
):
    store = open_store(tmp_path_factory.mktemp("db"))
    found, waiting = cutter(store, RAW), made(reports)
    rows, position = [], ""
    for writes, size in turns:
        now, waiting = waiting[:writes], waiting[writes:]
        store.commit(Batch(reports=now))
        cut = found.cut(position, size)
        rows += cut.rows
        position = cut.position
    store.commit(Batch(reports=waiting))
    rows += everything(found, (), position)[0]
    assert rows == everything(cutter(store, RAW))[0]
    sent = [(row["metric"], row["value"]) for row in rows]
    told = [one.report.readings for one in made(reports)]
    assert sent == [(one.metric.name, one.value) for readings in told for one in readings]
    found.close()
    store.close()


# -- gaps ------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000


def test_reports_that_were_thinned_away_come_as_a_gap_and_hours(tmp_path):
    store = open_store(tmp_path, keep_ms={"readings": DAY_MS})
    old = [stored(n * 600_000, (POWER, float(n)), (OTHER, 1.0)) for n in range(30)]
    store.commit(Batch(reports=old))
    found = cutter(store, choice(Kind.READINGS, assets=["pump-7"]))
    sent = found.cut("", 4)
    assert [row["value"] for row in sent.rows] == [0.0, 1.0, 2.0, 3.0]
    fresh = [stored(2 * DAY_MS + n, (POWER, 100.0 + n)) for n in range(3)]
    store.commit(Batch(reports=fresh))
    drain(store, 1_000 + 2 * DAY_MS + 10)
    rows, end = everything(found, [1] * 20, sent.position)
    gap, hours, rest = rows[0], rows[1:-3], rows[-3:]
    assert gap["kind"] == "gap"
    assert (gap["from_position"], gap["to_position"], gap["rows"]) == ("report:4", "report:30", 26)
    assert gap["at_ms"] == NOW_MS + 3 * 600_000
    assert gap["until_ms"] == NOW_MS + 2 * DAY_MS
    assert {row["kind"] for row in hours} == {"reading_1h"}
    assert {row["asset"] for row in hours} == {"pump-7"}
    assert sum(row["n"] for row in hours) == 30
    assert [row["at_ms"] for row in hours] == sorted(row["at_ms"] for row in hours)
    assert [row["value"] for row in rest] == [100.0, 101.0, 102.0]
    assert end == found.head()
    assert everything(found, (), sent.position)[0] == rows
    store.close()


TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 6)),
        st.tuples(st.just("thin"), st.integers(1, 30)),
        st.tuples(st.just("cut"), st.integers(1, 4)),
    ),
    max_size=30,
)


@config(deadline=None, max_examples=60)
@given(TURNS, st.sampled_from([1, 3, 1_000]))
def test_whatever_the_limits_take_each_report_is_sent_once_or_told_to_be_gone(
    tmp_path_factory, turns, page
):
    store = open_store(tmp_path_factory.mktemp("db"), keep_ms={"readings": DAY_MS})
    found, position, rows, count, now = cutter(store, RAW), "", [], 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.sync.cutter_pages.SIZE", page)
        for what, much in [*turns, ("write", 1)]:
            if what == "write":
                made = [stored(now + n, (POWER, float(count + n + 1))) for n in range(much)]
                store.commit(Batch(reports=made))
                count += much
            elif what == "thin":
                now += much * HOUR_MS
                drain(store, 1_000 + now)
            else:
                cut = found.cut(position, much)
                rows, position = rows + cut.rows, cut.position
        rows += everything(found, (), position)[0]
    sent = [round(row["value"]) for row in rows if row["kind"] == "reading"]
    gone = [
        number
        for row in rows
        if row["kind"] == "gap"
        for number in range(*(int(row[end].split(":")[1]) + 1 for end in ENDS))
    ]
    assert sorted(sent + gone) == list(range(1, count + 1))
    assert sent == sorted(sent)
    hours = {(row["metric"], row["at_ms"]) for row in rows if row["kind"] == "reading_1h"}
    assert bool(hours) >= bool(gone)
    found.close()
    store.close()


ENDS = ("from_position", "to_position")


def test_a_range_that_is_gone_whole_is_told_too(tmp_path):
    store = open_store(tmp_path, keep_ms={"readings": DAY_MS})
    store.commit(Batch(reports=[stored(n * 600_000) for n in range(30)]))
    found = cutter(store, RAW, Lane.BACKFILL)
    start, until = found.cut("", 5).position, found.cut("", 20).position
    store.commit(Batch(reports=[stored(2 * DAY_MS)]))
    drain(store, 1_000 + 2 * DAY_MS + 10)
    rows, end = everything(found, (), start, until)
    assert (rows[0]["from_position"], rows[0]["to_position"]) == ("report:5", "report:20")
    assert {row["kind"] for row in rows[1:]} == {"reading_1h"}
    assert found.left(end, until) == 0
    store.close()


def test_a_report_that_alone_was_erased_is_no_gap(tmp_path):
    store = open_store(tmp_path)
    store.commit(Batch(reports=[stored(n, (OTHER if n % 2 else POWER, 1.0)) for n in range(9)]))
    store.forget("zigbee", "fan")
    rows, _ = everything(cutter(store, RAW), [2, 2])
    assert [row["kind"] for row in rows] == ["reading"] * 5
    store.close()


def test_reports_that_go_while_they_are_cut_become_a_gap(tmp_path, monkeypatch):
    """Thinning between two pages of one cut: what was read goes, the rest is told next time."""
    monkeypatch.setattr("gateway.sync.cutter_pages.SIZE", 5)
    store = open_store(tmp_path, keep_ms={"readings": DAY_MS})
    store.commit(Batch(reports=[stored(n * 1_000, (POWER, float(n))) for n in range(20)]))
    found = cutter(store, RAW)
    took = found._outgoing.reports

    def slow(after, until, limit):
        rows = took(after, until, limit)
        if after == 0:
            store.commit(Batch(reports=[stored(2 * DAY_MS, (POWER, 99.0))]))
            drain(store, 1_000 + 2 * DAY_MS + 10)
        return rows

    monkeypatch.setattr(found._outgoing, "reports", slow)
    first = found.cut("", 100)
    assert [row["value"] for row in first.rows] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert first.more
    rows, _ = everything(found, (), first.position)
    assert [row["kind"] for row in rows] == ["gap", "reading_1h", "reading"]
    assert rows[0]["rows"] == 15
    store.close()


def test_pseudonyms_stand_for_names_and_texts_stay_here(store):
    store.commit(Batch(reports=[stored(1, (POWER, 1.0), (WORD, "pump-7"))]))
    hidden = replace(RAW, pseudonyms=True)
    rows, _ = everything(cutter(store, hidden))
    (row,) = rows
    assert row["metric"] == "power"
    assert row["asset"].startswith("asset-")
    text = str(rows)
    assert not any(name in text for name in ("pump-7", "plug", "zigbee"))


def test_without_a_key_nothing_is_cut_under_pseudonyms(store):
    from gateway.sync.cutter import Cutter

    with pytest.raises(ValueError, match="key"):
        Cutter(store._settings.path, replace(RAW, pseudonyms=True), Lane.LIVE, None)
