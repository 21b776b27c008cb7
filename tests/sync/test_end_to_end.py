"""The real daemon, its process of sync, a real broker and a real receiver; each may be killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Stream
from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.receiver import TOKEN, Receiver, token_file
from tests.fakes.waiting import wait_until

pytestmark = pytest.mark.broker

CLOUD = """
cloud:
  sync:
    hq:
      sink: http
      url: URL
      token_file: TOKENS
      send: [decisions, alerts, audit, health, readings]
      every: 200ms
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    folder = tmp_path / "cloud"
    folder.mkdir()
    with Receiver(folder, "--token-file", str(token_file(folder))) as made:
        yield made


@pytest.fixture
def plant(
    tmp_path: Path, make_broker: Callable[..., Mosquitto], receiver: Receiver
) -> Iterator[tuple[Daemon, Peer]]:
    broker = make_broker().start()
    folder = tmp_path / "gateway"
    folder.mkdir()
    (folder / "hq.token").write_text(TOKEN + "\n")
    (folder / "hq.token").chmod(0o600)
    text = pump(broker.port) + CLOUD.replace("URL", receiver.url).replace("TOKENS", "hq.token")
    with Daemon(folder, text) as daemon, Peer(broker.port) as peer:
        daemon.hears()
        yield daemon, peer


def measure(peer: Peer, first: int, last: int) -> None:
    """Values that are numbers, so that each can be found again."""
    for n in range(first, last):
        peer.publish("zigbee2mqtt/probe", json.dumps({"temperature": n / 1000}))


def streams(receiver: Receiver, lane: str) -> list[Stream]:
    query = "SELECT gateway, epoch, lane FROM stream WHERE lane = ? ORDER BY id"
    return [Stream(*row) for row in receiver.query(query, lane)]


def values(receiver: Receiver) -> list[int]:
    rows = [
        row
        for lane in ("live", "backfill")
        for stream in streams(receiver, lane)
        for row in receiver.rows(stream)
    ]
    return [round(row["value"] * 1000) for row in rows if row.get("metric") == "temperature"]


def arrived(receiver: Receiver, count: int) -> None:
    wait_until(lambda: len(values(receiver)) >= count, f"{count} readings arrived")
    assert sorted(values(receiver)) == list(range(count))
    for lane in ("live", "backfill", "events"):
        for stream in streams(receiver, lane):
            seqs = receiver.seqs(stream)
            assert seqs == list(range(1, len(seqs) + 1))


def sync_pid(daemon: Daemon) -> int:
    """The child that runs ``gateway.sync``; 0: none."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"gateway.sync" in words and parent == daemon.process.pid:
            return int(entry.name)
    return 0


def test_what_happens_here_reaches_the_cloud(
    plant: tuple[Daemon, Peer], receiver: Receiver
) -> None:
    _, peer = plant
    measure(peer, 0, 20)
    peer.publish("zigbee2mqtt/probe", json.dumps({"temperature": 95}))

    def kinds() -> set[str]:
        return {
            str(row["kind"])
            for stream in streams(receiver, "events")
            for row in receiver.rows(stream)
        }

    wait_until(
        lambda: {"decision", "alert", "genesis"} <= kinds(), "decision and alert are in the cloud"
    )
    wait_until(lambda: len(values(receiver)) == 21, "the readings arrived")
    assert values(receiver)[:20] == list(range(20))


def test_each_of_them_may_be_killed(plant: tuple[Daemon, Peer], receiver: Receiver) -> None:
    daemon, peer = plant
    measure(peer, 0, 30)
    wait_until(lambda: sync_pid(daemon), "sync runs")
    os.kill(sync_pid(daemon), signal.SIGKILL)
    measure(peer, 30, 60)
    wait_until(lambda: daemon.logged("sync_process_died"), "its end is noticed")
    receiver.kill()
    measure(peer, 60, 90)
    receiver.start()
    measure(peer, 90, 120)
    wait_until(lambda: len(daemon.rows("SELECT id FROM report")) >= 120, "all is stored")
    daemon.kill()
    daemon.start()
    measure(peer, 120, 150)
    arrived(receiver, 150)


def test_a_lost_ledger_is_made_up_for(plant: tuple[Daemon, Peer], receiver: Receiver) -> None:
    daemon, peer = plant
    measure(peer, 0, 30)
    arrived(receiver, 30)
    daemon.stop()
    for file in daemon.folder.glob("gateway.db.sync.db*"):
        file.unlink()
    daemon.start()
    measure(peer, 30, 60)
    arrived(receiver, 60)
    moved = [one["change"] for one in daemon.logged("sync_changed")]
    assert "sync_cursor_moved" in moved


def test_a_stop_ends_it_and_a_reload_without_it_too(plant: tuple[Daemon, Peer]) -> None:
    daemon, _ = plant
    wait_until(lambda: sync_pid(daemon), "sync runs")
    pid = sync_pid(daemon)
    daemon.file.write_text(daemon.file.read_text().partition("cloud:")[0])
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "it is ended")
    assert daemon.logged("sync_process_died") == []
    assert daemon.stop() == 0


def test_a_dead_daemon_leaves_no_process(plant: tuple[Daemon, Peer]) -> None:
    daemon, _ = plant
    wait_until(lambda: sync_pid(daemon), "sync runs")
    pid = sync_pid(daemon)
    daemon.kill()
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "it died with its parent")


def test_it_imports_neither_the_configuration_nor_its_library() -> None:
    code = "import sys, gateway.sync.process; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = done.stdout.split()
    assert not [one for one in loaded if one.startswith(("pydantic", "gateway.config", "yaml"))]
    assert not [one for one in loaded if one in ("asyncio", "numpy", "paho", "sqlite_utils")]


def test_the_ledger_says_what_the_receiver_has(
    plant: tuple[Daemon, Peer], receiver: Receiver
) -> None:
    daemon, peer = plant
    measure(peer, 0, 10)
    arrived(receiver, 10)

    def noted() -> Any:
        with sqlite3.connect(daemon.folder / "gateway.db.sync.db") as ledger:
            return ledger.execute("SELECT sent FROM lane WHERE lane = 'live'").fetchone()

    wait_until(lambda: noted() == (10,), "the ledger knows")
