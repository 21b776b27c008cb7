"""The four programs that receive: mosquitto_sub, bare paho, the naive script, the daemon.

Each is started on a broker, says how many messages it has dealt with to the end, and is stopped.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from scripts.benchmark import plant, site, wire
from scripts.benchmark.rig import ROOT, until

STOP_S = 15
READY_S = 20
SPARSE = 16
"""Of a device's messages, the sparse naive script judges with one in so many."""


class Receiver:
    """A process and where it keeps what it receives."""

    pid: int
    _said: Path

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._folder = port, folder

    def start(self, marks: Sequence[int]) -> None:
        """Start and wait until it is subscribed; it will be asked for these counts."""
        raise NotImplementedError

    def done(self) -> int:
        """Messages dealt with to the end, at least up to the newest mark."""
        raise NotImplementedError

    def _spawn(self, words: Sequence[str], output: Path, **env: str) -> None:
        with output.open("wb") as file, (self._folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                words, cwd=ROOT, stdout=file, stderr=errors, env=os.environ | env
            )
        self.pid = self._process.pid

    def _speaks(self) -> bool:
        """It wrote something; a process that ended instead ends the benchmark with its words."""
        if self._process.poll() is not None:
            sys.exit(f"bench: {type(self).__name__}:\n{(self._folder / 'errors').read_text()}")
        return bool(self._said.read_text())

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self._process.kill()
        self._process.wait()


class MosquittoSub(Receiver):
    """The broker's own client in C, writing payloads to a file."""

    def start(self, marks: Sequence[int]) -> None:
        del marks
        self._file = self._folder / "payloads"
        client = ["mosquitto_sub", "-p", str(self._port), "-q", "1", "-i", "sub"]
        self._spawn([*client, "-t", "zigbee2mqtt/+"], self._file)
        time.sleep(0.5)  # it does not say when it is subscribed

    def done(self) -> int:
        return self._file.stat().st_size // (plant.PAYLOAD_BYTES + 1)


class BarePaho(Receiver):
    def start(self, marks: Sequence[int]) -> None:
        self._said = self._folder / "said"
        module = [sys.executable, "-m", "scripts.benchmark.bare", str(self._port)]
        self._spawn([*module, *map(str, marks)], self._said)
        until(self._speaks, "bare paho")

    def done(self) -> int:
        return int(self._said.read_text().split()[-1])


class Naive(Receiver):
    """Judges with every message, as a script without a notion of periods does."""

    every = 1

    def start(self, marks: Sequence[int]) -> None:
        del marks
        site.model(self._folder / "package", site.FLOOD_PERIOD_S)
        self._database = self._folder / "naive.db"
        self._said = self._folder / "said"
        module = [sys.executable, "-m", "scripts.benchmark.naive", str(self._port)]
        model = str(self._folder / "package" / "model.onnx")
        self._spawn([*module, str(self._database), model, str(self.every)], self._said)
        until(self._speaks, "the naive script")

    def done(self) -> int:
        return rows(self._database, "SELECT coalesce(max(rowid), 0) FROM reading")[0]


class SparseNaive(Naive):
    """Judges with every 16th message of a device, about as often as the daemon."""

    every = SPARSE


class Daemon(Receiver):
    """The real one, as systemd would start it."""

    kind: site.Kind = "flood"
    keep_verdicts = False
    web = 0
    """The port of its page; 0: it has none."""
    start_s = 0.0
    """From its start to READY."""

    def start(self, marks: Sequence[int] = ()) -> None:
        del marks
        wire.retain(self._port, plant.REGISTRY_TOPIC, plant.registry())
        asked = {"keep_verdicts": self.keep_verdicts, "web": self.web}
        config = site.write(self._folder, self._port, self.kind, **asked)
        self.database = self._folder / "gateway.db"
        self._count = "SELECT coalesce(max(id), 0) FROM report"
        name = self._folder / "notify"
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notify:
            notify.bind(str(name))
            notify.settimeout(READY_S)
            began = time.perf_counter()
            self._spawn(
                [sys.executable, "-m", "gateway", "run", "--config", str(config)],
                self._folder / "log",
                NOTIFY_SOCKET=str(name),
                EDGE_GATEWAY_TRUST_CLOCK="1",
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                self.stop()
                sys.exit(f"the daemon did not start:\n{(self._folder / 'errors').read_text()}")
            self.start_s = time.perf_counter() - began
        self._online()

    def _online(self) -> None:
        """It says so once its subscriptions were granted."""
        with closing(wire.dial(self._port, "watch")) as sock:
            sock.settimeout(10)
            wire.subscribe(sock, f"edge/{site.GATEWAY}/availability")
            next(one for one in wire.arrivals(sock) if one[2] == b"online")

    def done(self) -> int:
        return rows(self.database, self._count)[0]

    def lost(self, total: int) -> int:
        """Messages of 0 to ``total`` whose energy is not in the store."""
        query = "SELECT DISTINCT CAST(value AS INTEGER) FROM reading WHERE metric = 'energy'"
        stored = set(rows(self.database, query))
        return total - len(stored & set(range(plant.FIRST_ENERGY, plant.FIRST_ENERGY + total)))

    def judged(self) -> int:
        """Verdicts that the model gave."""
        return rows(self.database, "SELECT count(*) FROM verdict WHERE score IS NOT NULL")[0]

    def commands(self) -> int:
        return rows(self.database, "SELECT count(*) FROM command")[0]


def rows(database: Path, query: str) -> list[int]:
    """The first column."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return [int(value) for (value,) in connection.execute(query)]
