"""Broker, real daemon and replay; then the daemon's own words out of its store."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.demo.broker import DemoBroker
from gateway.demo.process import Daemon
from gateway.store.reader import Reader
from scripts.replay.configure import configuration
from scripts.replay.publish import Grid, replay
from scripts.replay.wires import Wire
from scripts.train.datasets import Flags, Floats, Run

READY_S = 30.0
SETTLE_S = 60.0
ALARM = "alarm"
TRUST = "EDGE_GATEWAY_TRUST_CLOCK"
_VERDICTS = "SELECT at_ms, label, score FROM verdict WHERE asset = ? ORDER BY id"
_DECISIONS = "SELECT at_ms, event FROM decision WHERE asset = ? ORDER BY at_ms, id"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the daemon said of one run, row by row."""

    alarm: Flags
    """Its verdicts; a row without one keeps the label before."""
    alert: Flags
    """Its decisions: raised and not yet cleared."""
    score: Floats
    """nan where no model answered."""

    @property
    def rows(self) -> int:
        """Rows that a model scored."""
        return int(np.sum(~np.isnan(self.score)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A replay from end to end."""

    judged: Sequence[Judged]
    """One per run."""
    behind_s: float
    """How far the replay fell behind its own clock at worst."""
    counters: Mapping[str, int]
    """The daemon's counters of what it dropped or rejected."""
    log: str


def judge(runs: Sequence[Run], wire: Wire, package: Path, period_ms: int) -> Outcome:
    """Replay runs into a real daemon, which judges them with a package made for this period.

    Raises:
        TimeoutError: the daemon does not start, or does not come to an end.
    """
    folder = Path(tempfile.mkdtemp(prefix="edge-gateway-replay-"))
    store = folder / "gateway.db"
    try:
        with DemoBroker() as broker, _one_clock():
            file = folder / "gateway.yaml"
            text = configuration(
                runs, wire, host=broker.host, port=broker.port, package=package, store=store
            )
            file.write_text(text, "utf-8")
            with Daemon(file, folder / "daemon.log") as daemon:
                _wait_online(daemon, broker)
                grid, behind = replay(
                    runs, wire, host=broker.host, port=broker.port, period_ms=period_ms
                )
                _wait_settled(store, runs, grid)
            log = "\n".join(daemon.tail(50))
        with Reader.open(store) as reader:
            judged = [_judged(reader, run, grid) for run in runs]
            rows = reader.query("SELECT scope || ' ' || reason, n FROM counter").rows
        return Outcome(judged, behind, {str(name): int(str(n)) for name, n in rows}, log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _one_clock() -> Iterator[None]:
    """Stamps and daemon go by this machine's clock, so the daemon may believe it."""
    before = os.environ.get(TRUST)
    os.environ[TRUST] = "1"
    try:
        yield
    finally:
        os.environ.pop(TRUST)
        os.environ |= {} if before is None else {TRUST: before}


def _wait_online(daemon: Daemon, broker: DemoBroker) -> None:
    """Until the daemon's birth message is there."""
    online = threading.Event()

    def heard(client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        del client, userdata
        if message.payload == b"online":
            online.set()

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = heard
    client.connect(broker.host, broker.port)
    client.subscribe("edge/replay/availability", qos=1)
    client.loop_start()
    try:
        until = time.monotonic() + READY_S
        while not online.wait(0.1):
            if time.monotonic() > until or daemon.exit_code is not None:
                raise TimeoutError("the daemon does not come online:\n" + "\n".join(daemon.tail()))
    finally:
        client.disconnect()
        client.loop_stop()


def _wait_settled(store: Path, runs: Sequence[Run], grid: Grid) -> None:
    """Until every run's last row has its verdict."""
    until = time.monotonic() + SETTLE_S
    query = "SELECT asset, max(at_ms) FROM verdict GROUP BY asset"
    while time.monotonic() < until:
        with Reader.open(store) as reader:
            newest = {str(asset): int(str(at_ms)) for asset, at_ms in reader.query(query).rows}
        if all(grid.row(newest.get(run.name, 0)) >= len(run.values) - 1 for run in runs):
            return
        time.sleep(0.2)
    raise TimeoutError("the daemon did not judge the last rows")


def _judged(reader: Reader, run: Run, grid: Grid) -> Judged:
    count = len(run.values)
    alarm, alert = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    score = np.full(count, np.nan)
    for at_ms, label, value in reader.query(_VERDICTS, (run.name,)).rows:
        row = grid.row(int(str(at_ms)))
        if 0 <= row < count:
            alarm[row:] = label == ALARM
            score[row] = np.nan if value is None else float(str(value))
    for at_ms, event in reader.query(_DECISIONS, (run.name,)).rows:
        row = grid.row(int(str(at_ms)))
        if 0 <= row < count and event in {"raised", "cleared"}:
            alert[row:] = event == "raised"
    return Judged(alarm, alert, score)
