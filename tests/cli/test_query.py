"""``edge-gateway query`` and ``edge-gateway readings``, as processes."""

import csv
import json
import math
import subprocess
import sys
import time
from array import array
from dataclasses import replace

import pytest

from gateway.core.readings import Reading, Readings, Report
from gateway.core.signals import Sampling, Signal
from gateway.store.batch import Batch, StoredReport
from tests.store.samples import metric, open_store, report, settings


def run(*arguments):
    command = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    place = tmp_path_factory.mktemp("db")
    now_ms = time.time_ns() // 1_000_000
    store = open_store(settings(place))
    batch = [
        StoredReport(report(0, [1.5, True, "eco"], at_ms=now_ms - 7_200_000)),
        StoredReport(report(1, [2.5, False, 'a "quoted",\nline'], at_ms=now_ms - 60_000)),
    ]
    store.commit(Batch(reports=batch))
    store.close()
    return place / "gateway.db"


def test_a_query_prints_a_table_with_times(db):
    done = run("query", "SELECT at_ms, key, value FROM reading WHERE metric = 'power'", "--db", db)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["at_ms", "key", "value"]
    assert lines[2].split()[0].endswith("Z")
    assert lines[2].split()[1:] == ["pump-7/power", "1.5"]


def test_a_query_prints_csv_and_json(db):
    sql = "SELECT metric, value FROM reading ORDER BY at_ms, metric"
    rows = list(csv.reader(run("query", sql, "--db", db, "--csv").stdout.splitlines(keepends=True)))
    assert rows[0] == ["metric", "value"]
    assert rows[-2] == ["power", "2.5"]
    lines = run("query", sql, "--db", db, "--json").stdout.splitlines()
    assert json.loads(lines[-2]) == {"metric": "power", "value": 2.5}


def test_a_wrong_statement_is_one_line_and_exit_1(db):
    done = run("query", "SELECT bogus FROM reading", "--db", db)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "edge-gateway: the statement is wrong: no such column: bogus\n"


def test_a_write_is_refused(db):
    done = run("query", "DELETE FROM report", "--db", db)
    assert done.returncode == 1
    assert "only reads" in done.stderr
    assert (
        run("query", "SELECT count(*) FROM report", "--db", db, "--csv").stdout == "count(*)\n2\n"
    )


def test_no_database_is_exit_1(tmp_path):
    done = run("query", "SELECT 1", "--db", tmp_path / "none.db")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_readings_since_a_span_and_since_a_time(db):
    def metrics(*more):
        lines = run("readings", "pump-7", "--db", db, "--json", *more).stdout.splitlines()
        return [json.loads(line)["value"] for line in lines]

    assert metrics() == [2.5, False, 'a "quoted",\nline']
    assert metrics("--since", "3h", "--metric", "power") == [1.5, 2.5]
    assert len(metrics("--since", "2020-01-01T00:00:00Z")) == 6
    assert metrics("--since", "2099-01-01T00:00:00Z") == []


def test_readings_as_a_table_stay_one_line_each(db):
    done = run("readings", "pump-7", "--db", db)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["at", "metric", "value", "unit", "reason"]
    assert len(lines) == 2 + 3
    assert done.returncode == 0


def test_a_wrong_span_and_an_unknown_asset_are_said(db):
    wrong = run("readings", "pump-7", "--db", db, "--since", "yesterday")
    assert (wrong.returncode, "15m, 2h, 7d" in wrong.stderr) == (2, True)
    unknown = run("readings", "pump-8", "--db", db)
    assert (unknown.returncode, "there are pump-7" in unknown.stderr) == (1, True)


def test_the_place_of_the_database_comes_from_the_users_file(db, tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(
        "gateway: {id: test}\nbrokers: {local: {host: localhost}}\n"
        f"sources: {{zigbee: {{bridge: zigbee2mqtt, broker: local}}}}\nstore: {{path: {db}}}\n"
    )
    done = run("query", "SELECT count(*) FROM report", "--config", config, "--csv")
    assert done.stdout == "count(*)\n2\n", done.stderr


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    place = tmp_path_factory.mktemp("waves")
    store = open_store(settings(place))
    now_ms = time.time_ns() // 1_000_000
    signal = Signal.of(array("f", [math.sin(at / 5) for at in range(256)]), 1000.0)
    one = replace(metric("vibration", unit="g"), signal=Sampling(1000.0))
    told = Readings.of((Reading(one, signal.rms),))
    report = Report("zigbee", "plug", told, now_ms, now_ms, 5, signals={0: signal})
    store.commit(Batch(reports=[StoredReport(report)]))
    store.close()
    return place / "gateway.db", signal


def test_samples_are_shown_as_a_plot_and_whole_as_json(waves):
    db, signal = waves
    done = run("readings", "pump-7", "--db", db, "--samples")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split()[:4] == ["at", "metric", "n", "rate_hz"]
    assert "▁" in done.stdout
    (line,) = run("readings", "pump-7", "--db", db, "--samples", "--json").stdout.splitlines()
    found = json.loads(line)
    assert (found["n"], found["rate_hz"], found["unit"]) == (256, 1000.0, "g")
    assert found["samples"] == signal.samples.tolist()


def test_without_samples_a_signal_is_its_rms(waves):
    db, signal = waves
    (line,) = run("readings", "pump-7", "--db", db, "--json").stdout.splitlines()
    assert json.loads(line)["value"] == pytest.approx(signal.rms)
    sql = "SELECT n, rate_hz, rms, unit FROM signal"
    (row,) = run("query", sql, "--db", db, "--json").stdout.splitlines()
    assert json.loads(row)["n"] == 256
