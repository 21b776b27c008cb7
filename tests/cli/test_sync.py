"""``edge-gateway sync`` and ``status``, as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import sync_view
from gateway.cli.main import cli
from gateway.cli.sync_follow import Bars
from gateway.core.batches import Cursor, Stream, pack
from gateway.store.sync_entries import Aside, Key
from gateway.store.sync_ledger import Ledger
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer

LANE = {
    "state": "send",
    "connected": True,
    "waits": "",
    "error": "",
    "left": 3_000,
    "rows_per_s": 100.0,
    "done_s": 30,
    "seq": 7,
    "sent": 7,
    "refused": 1,
    "skipped": 0,
    "lost": 0,
}


def told(**lane: object) -> dict[str, Any]:
    sink = {
        "kind": "http",
        "bytes_today": 1_500_000,
        "budget": None,
        "lanes": {"live": LANE | lane},
    }
    return {"v": 1, "state": "running", "restarts": 0, "rss_bytes": 1, "sinks": {"hq": sink}}


def health(**lane: object) -> dict[str, Any]:
    counters = {"connected": 1}
    broker = {"connected": True, "protocol": "5", "error": None, "counters": counters}
    source = {"messages": 5, "readings": 4, "last_s": 3, "silent": True, "offline": ["plug"]}
    return {
        "v": 1,
        "ts": "2026-11-21T19:00:00.000Z",
        "state": "degraded",
        "problems": ["clock: not synchronised"],
        "brokers": {"local": broker},
        "sources": {"zigbee": source},
        "store": {"state": "ok", "bytes": 9, "free_disk_bytes": 10**9, "rows": {"report": 3}},
        "worker": {"state": "off"},
        "models": {"m": {"turns": 9, "abstained": 0.25}},
        "sync": told(**lane),
        "counters": {"zigbee/json": 3, "model:m/answered": 9},
    }


@pytest.fixture
def file(tmp_path: Path, make_broker: Callable[..., Mosquitto]) -> Path:
    broker = make_broker().start()
    path = tmp_path / "gateway.yaml"
    path.write_text(
        f"gateway: {{id: here}}\nbrokers: {{local: {{host: 127.0.0.1, port: {broker.port}}}}}\n"
        "store: {path: gateway.db}\n"
    )
    return path


def port(file: Path) -> int:
    return int(file.read_text().partition("port: ")[2].partition("}")[0])


def published(file: Path, topic: str, document: object, *, online: bool = True) -> None:
    with Peer(port(file)) as peer:
        word = b"online" if online else b"offline"
        peer.publish("edge/here/availability", word, retain=True)
        peer.publish(f"edge/here/{topic}", json.dumps(document), retain=True)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, words)
    return done.exit_code, done.output


def refused(file: Path) -> None:
    ledger = Ledger.open(file.with_name("gateway.db.sync.db"), 0)
    key = Key("hq", "live")
    ledger.begin(key, "e", "", Cursor(0, ""))
    rows = [{"kind": "reading", "at_ms": 1}]
    batch = pack(Stream("here", "e", "live"), 0, rows, "p")
    ledger.taken(key, batch, [Aside(1, "too high", '{"kind": "reading"}')], 1_800_000_000_000)
    ledger.close()


@pytest.mark.broker
def test_the_lanes_are_a_table(file: Path) -> None:
    published(file, "sync", told())
    code, said = run("sync", "--config", str(file))
    assert code == 0
    assert "1.5 MB" in said
    assert "30s" in said
    assert said.endswith("sync is running\n")


@pytest.mark.broker
def test_a_cloud_out_of_reach_is_exit_code_1(file: Path) -> None:
    published(file, "sync", told(error="no route", state="ask"))
    code, said = run("sync", "--config", str(file))
    assert code == 1
    assert "out of reach: hq" in said


@pytest.mark.broker
def test_json_is_one_lane_a_line(file: Path) -> None:
    published(file, "sync", told())
    code, said = run("sync", "--json", "--config", str(file))
    assert code == 0
    assert json.loads(said)["sent"] == 7


@pytest.mark.broker
def test_of_a_gateway_that_is_gone_the_ledger_tells(file: Path) -> None:
    refused(file)
    published(file, "sync", told(), online=False)
    code, said = run("sync", "--config", str(file))
    assert code == 1
    assert "this is from the database" in said
    assert "unknown" in said


@pytest.mark.broker
def test_status_is_one_screen(file: Path) -> None:
    published(file, "health", health(waits="rate"))
    code, said = run("status", "--config", str(file))
    assert code == 1
    for line in (
        "gateway   degraded, as of 2026-11-21T19:00:00.000Z",
        "problem   clock: not synchronised",
        "          docs/troubleshooting.md#clock-unsynchronised",
        "broker    local: connected, MQTT 5",
        "source    zigbee: last message 3 s ago, 5 messages, 4 readings, silent, offline: plug",
        "store     ok, 9 B, 1.0 GB free on the disk, 3 reports",
        "model     m: 9 turns, 25% without an answer",
        "cloud     hq/live: send, 7 rows sent, 3000 left (30s to go), waits: rate, 1 refused",
        "dropped   zigbee/json: 3",
    ):
        assert line in said
    assert "answered" not in said


@pytest.mark.broker
def test_status_as_json_is_the_document(file: Path) -> None:
    published(file, "health", health() | {"state": "running"})
    code, said = run("status", "--json", "--config", str(file))
    assert code == 0
    assert json.loads(said)["store"]["state"] == "ok"


def test_refused_rows_are_listed_and_offered_again(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "gateway: {id: here}\nbrokers: {local: {host: 127.0.0.1}}\nstore: {path: gateway.db}\n"
    )
    assert run("sync", "refused", "--config", str(path)) == (0, "nothing was refused\n")
    refused(path)
    code, said = run("sync", "refused", "--config", str(path))
    assert code == 0
    assert "too high" in said
    code, said = run("sync", "refused", "--json", "--sink", "hq", "--config", str(path))
    assert json.loads(said)["row"] == {"kind": "reading"}
    assert run("sync", "retry", "--sink", "hq", "--config", str(path)) == (
        0,
        "hq: 1 row is offered again\n",
    )
    code, said = run("sync", "refused", "--json", "--config", str(path))
    assert json.loads(said)["again"] is True


def test_a_bar_fills_as_the_backlog_shrinks() -> None:
    bars = Bars()
    lane = {"sink": "hq", "lane": "backfill", **LANE}
    (empty,) = bars.lines([lane], 200)
    (half,) = bars.lines([lane | {"left": 1_500}], 200)
    (full,) = bars.lines([lane | {"left": 0}], 200)
    assert [line.count("#") for line in (empty, half, full)] == [0, 12, 24]
    assert "1500 rows left, 100/s, 30s to go" in half
    (away,) = bars.lines([lane | {"error": "no route"}], 200)
    assert "out of reach: no route" in away
    assert all(len(line) == 40 for line in bars.lines([lane], 40))


def test_spans_and_sizes_are_for_people() -> None:
    spans = [sync_view.span(one) for one in (None, 0, 8, 750, 14_700, 183_600)]
    assert spans == [None, "0s", "8s", "12m 30s", "4h 5m", "2d 3h"]
    sizes = [sync_view.size(one) for one in (None, 0, 1_500, 2_000_000, 3 * 10**9)]
    assert sizes == [None, "0 B", "1.5 kB", "2.0 MB", "3.0 GB"]
