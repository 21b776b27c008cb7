"""Senders as processes that are killed: the gateway's own process of sync, or a dishonest one."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from gateway.core.choices import Choice, Kind
from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.store.batch import Batch, StoredReport
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store
from gateway.sync.spec import SinkSpec, Spec

ROOT = Path(__file__).parents[2]
COMMIT = 1_000
LIVE = 20
"""Reports of one commit while the child sends."""


class Sender(Protocol):
    """Something that sends rows, and goes on where it was after it was killed."""

    sent: int
    """Rows that it has counted as taken; 0 if it does not count."""

    def live(self, seconds: float, log: IO[bytes]) -> bool:
        """Start it, and kill it when the time is over; True: it was done before."""
        ...

    def close(self) -> None: ...


class Dishonest:
    """``tests.fakes.sync_sender``."""

    def __init__(self, folder: Path, told: dict[str, Any], seed: int) -> None:
        self.sent = 0
        self._file = folder / "sender.json"
        notes = str(folder / "notes.db")
        self._told = {**told, "epoch": "0123456789abcdef", "notes": notes, "seed": seed}

    def live(self, seconds: float, log: IO[bytes]) -> bool:
        self._told["seed"] += 1
        self._file.write_text(json.dumps(self._told))
        program = [sys.executable, "-m", "tests.fakes.sync_sender", str(self._file)]
        process = subprocess.Popen(program, cwd=ROOT, stdout=log, stderr=log)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        if code != 0:
            raise AssertionError(f"the sender failed: {Path(log.name).read_text()[-3000:]}")
        return True

    def close(self) -> None:
        pass


class Child:
    """``python -m gateway.sync`` over a real database that is written to meanwhile.

    Nine in ten rows are a backlog, the others come while it sends.
    """

    def __init__(self, folder: Path, kind: str, settings: dict[str, Any], rows: int) -> None:
        self._rows = rows
        self.sent = 0
        self._history = History(folder / "gateway.db", rows)
        choice = Choice(frozenset({Kind.READINGS})).tree()
        sink = SinkSpec("hq", kind, settings, choice, every_ms=200)
        self._spec = Spec(
            gateway="north",
            database=str(folder / "gateway.db"),
            ledger=str(folder / "gateway.sync.db"),
            key_file="",
            own_key_file=str(folder / "key"),
            parent=os.getpid(),
            sinks=(sink,),
        )

    def live(self, seconds: float, log: IO[bytes]) -> bool:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.sync"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert process.stdin is not None
        process.stdin.write(self._spec.line() + b'{"clock_ok": true}\n')
        process.stdin.flush()
        heard: queue.Queue[bytes] = queue.Queue()

        def listen() -> None:
            assert process.stdout is not None
            with process.stdout as out:
                for line in out:
                    log.write(line)
                    heard.put(line)

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            return self._watch(heard, seconds)
        finally:
            process.kill()
            process.stdin.close()
            process.wait()
            listening.join()

    def _watch(self, heard: "queue.Queue[bytes]", seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._history.go_on()
            try:
                told = json.loads(heard.get(timeout=0.05))
            except queue.Empty:
                continue
            if self._all_sent(told.get("lanes", ())):
                return True
        return False

    def _all_sent(self, lanes: Sequence[dict[str, Any]]) -> bool:
        """Counters alone may count a row twice that went to a receiver which lost it."""
        idle = all(lane.get("left") == 0 and lane["state"] in ("cut", "rest") for lane in lanes)
        self.sent = sum(lane["sent"] for lane in lanes)
        return idle and self.sent >= self._rows

    def close(self) -> None:
        self._history.close()


class History:
    """A database; the number of a report is the value of its reading."""

    def __init__(self, path: Path, rows: int) -> None:
        self._rows = rows
        self._done = 0
        self._begin_ms = time.time_ns() // 1_000_000 - 10 * rows
        settings = StoreSettings(path, max_bytes=1 << 30, min_free_bytes=0, ballast_bytes=0)
        self._store = Store.open(settings, boot="boot", now_ms=self._begin_ms, mono_ms=0)
        self._metrics = [
            Metric("n", "zigbee", f"plug-{n}", ValuePath.parse("n"), f"pump-{n}", "W")
            for n in range(20)
        ]
        while self._done < rows * 9 // 10:
            self._add(min(COMMIT, rows * 9 // 10 - self._done))

    def go_on(self) -> None:
        """The next readings come in."""
        if self._done < self._rows:
            self._add(min(LIVE, self._rows - self._done))

    def _add(self, count: int) -> None:
        reports = tuple(self._report(n) for n in range(self._done + 1, self._done + count + 1))
        self._store.commit(Batch(reports=reports))
        self._done += count

    def _report(self, n: int) -> StoredReport:
        metric = self._metrics[n % len(self._metrics)]
        at_ms = self._begin_ms + 10 * n
        told = (Reading(metric, float(n)),)
        report = Report("zigbee", metric.device, Readings.of(told), at_ms, at_ms, 10 * n)
        return StoredReport(report, 0, True)

    def close(self) -> None:
        self._store.close()
