"""Minutes: cut where a minute of arrival ends, and never twice."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.core.choices import Kind
from gateway.core.messages import Reason
from gateway.store.batch import Batch
from gateway.sync.thin import MINUTE_MS
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
    metric,
    open_store,
    stored,
)

MINUTES = choice(Kind.MINUTES)


def test_a_minute_says_how_many_the_lowest_the_mean_the_highest_and_the_last(store):
    values = [3.0, 1.0, 5.0, 2.0]
    store.commit(Batch(reports=[stored(n * 1_000, (POWER, one)) for n, one in enumerate(values)]))
    store.commit(Batch(reports=[stored(MINUTE_MS, (POWER, 9.0))]))
    cut = cutter(store, MINUTES).cut("", 10)
    assert cut.rows == [
        {
            "kind": "reading_1m",
            "asset": "pump-7",
            "source": "zigbee",
            "device": "plug",
            "metric": "power",
            "unit": "W",
            "at_ms": NOW_MS,
            "n": 4,
            "low": 1.0,
            "mean": 2.75,
            "high": 5.0,
            "last": 2.0,
            "clock": 1,
        }
    ]
    assert (cut.position, cut.more) == (f"report:4@{NOW_MS + 3_000}", False)


def test_texts_and_bad_readings_are_left_out_and_a_bool_is_a_number(store):
    told = [
        ((RUNNING, True), (WORD, "on"), (POWER, 9.0, Reason.RANGE)),
        ((RUNNING, False), (POWER, 5.0, Reason.CACHED)),
    ]
    store.commit(Batch(reports=[stored(n, *one) for n, one in enumerate(told)]))
    store.commit(Batch(reports=[stored(MINUTE_MS)]))
    rows = cutter(store, MINUTES).cut("", 10).rows
    assert {row["metric"]: (row["n"], row["mean"]) for row in rows} == {
        "running": (2, 0.5),
        "power": (1, 5.0),
    }


def test_a_minute_that_is_not_over_waits(store):
    store.commit(Batch(reports=[stored(0), stored(59_999)]))
    found = cutter(store, MINUTES)
    assert found.cut("", 10) == ([], "", False)
    store.maintain(NOW_MS, True, 1_000 + 61_000)
    assert found.cut("", 10) == ([], "", False)
    store.maintain(NOW_MS, True, 1_000 + 62_000)
    assert [row["n"] for row in found.cut("", 10).rows] == [2]


def test_a_minute_of_an_earlier_boot_is_over(tmp_path):
    store = open_store(tmp_path)
    store.commit(Batch(reports=[stored(0)]))
    store.close()
    store = open_store(tmp_path, boot="boot-2")
    assert len(cutter(store, MINUTES).cut("", 10).rows) == 1
    store.close()


def test_the_end_of_a_range_ends_its_minute(store):
    store.commit(Batch(reports=[stored(n * 1_000) for n in range(10)]))
    found = cutter(store, MINUTES)
    until = f"report:4@{NOW_MS + 3_000}"
    cut = found.cut("", 10, until)
    assert ([row["n"] for row in cut.rows], cut.position, cut.more) == ([4], until, False)
    rest, _ = everything(found, (), until, f"report:10@{NOW_MS + 9_000}")
    assert [row["n"] for row in rest] == [6]


def test_a_late_reading_gives_another_row_of_its_minute(store):
    late = stored(MINUTE_MS + 5, (POWER, 7.0), at_ms=NOW_MS + 10)
    store.commit(Batch(reports=[stored(1, (POWER, 1.0)), late, stored(2 * MINUTE_MS)]))
    rows = cutter(store, MINUTES).cut("", 10).rows
    assert [(row["at_ms"], row["n"], row["last"]) for row in rows] == [
        (NOW_MS, 1, 1.0),
        (NOW_MS, 1, 7.0),
    ]


def test_a_minute_of_more_series_than_one_cut_takes_is_sent_in_parts(store):
    many = [metric(f"m{n}") for n in range(7)]
    store.commit(Batch(reports=[stored(0, *((one, 1.0) for one in many)), stored(MINUTE_MS)]))
    found = cutter(store, MINUTES)
    cut = found.cut("", 3)
    assert (len(cut.rows), cut.position, cut.more) == (3, "report:0@0+3", True)
    rows, _ = everything(found, [3, 3, 3, 3])
    assert [row["metric"] for row in rows] == [one.name for one in many]


def test_readings_without_a_clock_are_apart_and_say_so(store):
    store.commit(
        Batch(reports=[stored(1, clock_ok=False), stored(2), stored(3), stored(MINUTE_MS)])
    )
    rows = cutter(store, MINUTES).cut("", 10).rows
    assert [(row["clock"], row["n"]) for row in rows] == [(0, 1), (1, 2)]
    assert (rows[0]["boot"], rows[0]["mono_ms"]) == (BOOT, 1_001)


def test_only_what_is_named_and_under_pseudonyms(store):
    store.commit(Batch(reports=[stored(1, (POWER, 1.0)), stored(2, (OTHER, 1.0))]))
    store.commit(Batch(reports=[stored(MINUTE_MS)]))
    (row,) = cutter(store, choice(Kind.MINUTES, assets=["fan-1"])).cut("", 10).rows
    assert row["device"] == "fan"
    hidden = replace(MINUTES, pseudonyms=True)
    text = str(cutter(store, hidden).cut("", 10).rows)
    assert not any(name in text for name in ("pump-7", "fan", "plug", "zigbee"))


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 300_000),
        st.sampled_from([POWER, OTHER, RUNNING]),
        st.integers(-5, 5).map(float),
        st.integers(-100_000, 0),
    ),
    max_size=50,
)


@config(deadline=None, max_examples=40)
@given(ARRIVALS, st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=30))
def test_put_together_the_rows_are_what_was_read(tmp_path_factory, arrivals, turns):
    """A writer in between, pages of any size: rows of one minute add up to its readings."""
    store = open_store(tmp_path_factory.mktemp("db"))
    made = [
        stored(after, (one, value), at_ms=NOW_MS + after + late)
        for after, one, value, late in sorted(arrivals, key=lambda one: one[0])
    ]
    found, waiting, rows, position = cutter(store, MINUTES), list(made), [], ""
    for writes, size in turns:
        now, waiting = waiting[:writes], waiting[writes:]
        store.commit(Batch(reports=now))
        cut = found.cut(position, size)
        rows, position = rows + cut.rows, cut.position
    store.commit(Batch(reports=waiting))
    store.maintain(NOW_MS, True, 1_000_000)
    rows += everything(found, (), position)[0]
    sums = defaultdict(lambda: [0, 0.0, []])
    for row in rows:
        kept = sums[row["device"], row["metric"], row["at_ms"]]
        kept[0] += row["n"]
        kept[1] += row["mean"] * row["n"]
        kept[2] += [row["low"], row["high"]]
    expected = defaultdict(list)
    for one in made:
        (reading,) = one.report.readings
        minute = one.report.at_ms // MINUTE_MS * MINUTE_MS
        expected[reading.metric.device, reading.metric.name, minute].append(reading.value)
    assert sums.keys() == expected.keys()
    for key, values in expected.items():
        n, total, ends = sums[key]
        assert (n, min(ends), max(ends)) == (len(values), min(values), max(values))
        assert total == pytest.approx(sum(values))
    found.close()
    store.close()
