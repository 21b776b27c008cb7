"""Blocks of samples in the store: bit for bit, small, shed first, rescued with their reports."""

import sqlite3
from array import array
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.messages import Reason
from gateway.core.readings import Reading, Readings, Report
from gateway.core.signals import Sampling, Signal
from gateway.store import blocks
from gateway.store.batch import Batch, StoredReport
from gateway.store.reader import Reader
from gateway.store.settings import DAY_MS
from tests.store.samples import NOW_MS, crash, metric, open_store, reports, settings

SHAKE = replace(metric("shake", unit="m/s2"), signal=Sampling(12_000.0))
OTHER = replace(metric("other", unit="m/s2"), signal=Sampling(12_000.0))
SPEED = metric("speed", unit="rpm")
RANDOM = np.random.default_rng(1)


def floats(n: int = 4096, seed: int = 0) -> Signal:
    values = np.random.default_rng(seed).normal(0, 1, n)
    return Signal.of(array("f", values.tolist()), 12_000.0)


def counts(n: int = 4096) -> Signal:
    values = array("h", RANDOM.normal(0, 2_000, n).astype(int).tolist())
    return Signal.of_counts(values, 12_000.0, 0.061e-3, 0.5)


def stored(n: int, *signals: Signal, reason: Reason = Reason.OK, day: int = 0) -> StoredReport:
    own = (SHAKE, OTHER)
    readings = [Reading(SPEED, 1500.0)]
    readings += [Reading(own[i], one.rms, reason) for i, one in enumerate(signals)]
    at = NOW_MS + n + day * DAY_MS
    beside = dict(enumerate(signals, 1))
    mono = 1_000 + n + day * DAY_MS
    return StoredReport(
        Report("zigbee", "plug", Readings.of(readings), at, at, mono, signals=beside), n + 1
    )


def count(store) -> int:
    return store._connection.execute("SELECT count(*) FROM signal_block").fetchone()[0]


@pytest.mark.parametrize("signal", [floats(), counts()], ids=["float32", "int16"])
def test_a_block_comes_back_bit_for_bit(tmp_path, signal):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(0, signal, floats(64, seed=9))]))
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        found, other = reader.signals("pump-7", 0, limit=2)
    assert (found.metric, found.unit, found.reading.value) == ("shake", "m/s2", signal.rms)
    assert found.signal.samples == signal.samples
    assert (found.signal.rate_hz, found.signal.rms) == (signal.rate_hz, signal.rms)
    assert (other.metric, len(other.signal.samples)) == ("other", 64)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=16))
def test_whatever_the_floats_they_pack_and_unpack(values):
    signal = Signal.of(array("f", values), 50.0)
    row = blocks.BlockRow(1, 0, *_row(signal))
    back = row.signal()
    assert back is not None
    assert back.samples == signal.samples


@given(st.lists(st.integers(-32768, 32767), min_size=16), st.floats(0.001, 10))
def test_whatever_the_counts_they_pack_and_unpack(values, step):
    signal = Signal.of_counts(array("h", values), 50.0, step, 1.0)
    back = blocks.BlockRow(1, 0, *_row(signal)).signal()
    assert back is not None
    assert (back.counts, back.samples) == (signal.counts, signal.samples)


def _row(signal):
    _, _, _, _, n, rate, _, _, codec, step, zero, samples, crc = blocks._row(signal, 1, 0, (1, 1))
    return n, rate, codec, step, zero, samples, crc


def test_the_size_on_disk_is_that_of_the_sensor_s_bits():
    assert len(_row(counts())[5]) < 2 * 4096
    assert len(_row(floats())[5]) < 0.95 * 4 * 4096


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_damaged_block_is_skipped_and_counted_and_its_reading_stays(tmp_path, at):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(0, floats())]))
    (samples,) = store._connection.execute("SELECT samples FROM signal_block").fetchone()
    spoilt = bytearray(samples)
    spoilt[at] ^= 1
    store._connection.execute("UPDATE signal_block SET samples = ?", (bytes(spoilt),))
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        assert reader.signals("pump-7", 0) == []
        assert reader.bad_rows == 1
        assert [one.metric for one in reader.readings("pump-7", 0)] == ["speed", "shake"]


def test_people_see_what_a_block_is_in_sql(tmp_path):
    store = open_store(settings(tmp_path))
    signal = floats()
    store.commit(Batch(reports=[stored(0, signal, reason=Reason.RAIL)]))
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        sql = "SELECT key, n, rate_hz, duration_s, rms, unit, reason FROM signal"
        ((key, n, rate_hz, duration_s, rms, unit, reason),) = reader.query(sql).rows
    assert (key, n, rate_hz, unit, reason) == ("pump-7/shake", 4096, 12_000.0, "m/s2", "rail")
    assert (duration_s, rms) == (pytest.approx(4096 / 12_000), pytest.approx(signal.rms))


def test_the_newest_good_block_of_each_signal_is_found_again(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(Batch(reports=[stored(0, floats(), floats(seed=1))]))
    store.commit(Batch(reports=[stored(1, floats(seed=2))]))
    store.commit(Batch(reports=[stored(2, floats(seed=3), reason=Reason.FLATLINE)]))
    found = {one.metric: one for one in store.newest_signals()}
    assert found["shake"].signal.samples == floats(seed=2).samples
    assert found["other"].signal.samples == floats(seed=1).samples
    assert found["shake"].reading.at_ms == NOW_MS + 1
    store.close()


def test_samples_go_at_their_own_age_and_their_readings_stay(tmp_path):
    store = open_store(settings(tmp_path, keep_ms={"signals": 3 * DAY_MS}))
    for day in range(10):
        store.commit(Batch(reports=[stored(0, floats(64), day=day)]))
    while store.maintain(NOW_MS, clock_ok=True).more:
        pass
    assert count(store) == 4
    assert len(list(store.tail(0))) == 20
    assert store.counters()["dropped.signal_block", "age"] == 6
    store.close()


def test_samples_go_with_their_report(tmp_path):
    keep = {"readings": 3 * DAY_MS, "signals": 100 * DAY_MS}
    store = open_store(settings(tmp_path, keep_ms=keep))
    for day in range(10):
        store.commit(Batch(reports=[stored(0, floats(64), day=day)]))
    while store.maintain(NOW_MS, clock_ok=True).more:
        pass
    assert count(store) == 4
    store.close()


def test_under_pressure_samples_go_before_any_reading(tmp_path):
    limits = settings(tmp_path, max_bytes=8 << 20)
    store = open_store(limits)
    for n in range(0, 1_200, 20):
        store.commit(Batch(reports=[stored(n + i, floats(seed=n + i)) for i in range(20)]))
        while store.maintain(NOW_MS, clock_ok=True).more:
            pass
    dropped = store.counters()
    assert dropped["dropped.signal_block", "quota"] > 300
    assert ("dropped.report", "quota") not in dropped
    assert store.health().bytes <= 8 << 20
    assert store.health().rows["report"] == 1_200
    store.close()


def test_samples_are_salvaged_with_their_reports(tmp_path):
    store = open_store(settings(tmp_path))
    sent = [stored(n, floats(256, seed=n)) for n in range(40)]
    store.commit(Batch(reports=sent))
    store.commit(reports(100, 400))
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    file = tmp_path / "gateway.db"
    content = bytearray(file.read_bytes())
    content[:100] = bytes(100)
    file.write_bytes(content)
    again = open_store(settings(tmp_path))
    assert again.opened.set_aside
    while again.maintain(NOW_MS, clock_ok=False).more:
        pass
    found = {one.reading.at_ms: one.signal for one in _all(tmp_path)}
    again.close()
    wanted = {one.report.at_ms: one.report.signals[1] for one in sent}
    assert {at: one.samples for at, one in found.items()} == {
        at: one.samples for at, one in wanted.items()
    }


def _all(place):
    with Reader.open(place / "gateway.db") as reader:
        return reader.signals("pump-7", 0, limit=1_000)


def test_nothing_of_a_batch_that_failed_is_stored(tmp_path):
    """A block that cannot be stored takes its batch with it: nothing is acknowledged by half."""
    store = open_store(settings(tmp_path))
    store._connection.execute(
        "CREATE TRIGGER stop BEFORE INSERT ON signal_block BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    batch = Batch(reports=[stored(0, floats(64))])
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(batch)
    assert list(store.tail(0)) == []
    store._connection.execute("DROP TRIGGER stop")
    assert store.commit(batch).reports == 1
    assert count(store) == 1
    store.close()


def test_an_older_database_gets_the_table(tmp_path):
    store = open_store(settings(tmp_path))
    store.commit(reports(0, 3))
    connection = store._connection
    connection.execute("DROP VIEW signal")
    connection.execute("DROP TABLE signal_block")
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'signal_blocks'")
    store.close()
    store = open_store(settings(tmp_path))
    assert "signal_blocks" in store.opened.migrated
    store.commit(Batch(reports=[stored(9, floats(64))]))
    assert count(store) == 1
    store.close()
