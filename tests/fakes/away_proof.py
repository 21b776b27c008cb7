"""What a cloud holds after it was away: how fast it came, how late what is live was, what is lost.

``catch_up`` runs a real receiver and a real sending process beside a gateway that goes on storing.
``faults`` looks for what must not be, in the receiver's own database.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.core.choices import Choice, Kind
from gateway.store.files import beside, size_of
from gateway.store.sync_opening import ledger_of
from gateway.sync.spec import SinkSpec, Spec
from tests.fakes.away import SLACK, WIDTH, Gateway
from tests.fakes.receiver import Receiver
from tests.fakes.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
LEDGER_BYTES: Final = 16 << 20
LATEST_MS: Final = 2_000
LEAST_PER_S: Final = 20_000.0
LOOK_S: Final = 0.05
EVERY_MS: Final = 500
CHOICE: Final = Choice(frozenset({Kind.DECISIONS, Kind.ALERTS, Kind.HEALTH, Kind.READINGS}))
PROGRAM: Final = "from gateway.sync.__main__ import main; main()"
WAITS: Final = f"""
from gateway.sync.supply import Supply
Supply.leap = lambda self, *_: 0
{PROGRAM}
"""
"""For a control: ``live`` never leaves its backlog to ``backfill``."""

_PROGRESS: Final = "SELECT lane, seq, rows FROM stream"
_NEWEST: Final = (
    "SELECT r.seq, json_extract(r.body, '$.received_at_ms') FROM row r"
    " JOIN stream s ON s.id = r.stream WHERE s.lane = 'live' AND r.seq > ? ORDER BY r.seq"
)
_ALERTS: Final = (
    "SELECT json_extract(r.body, '$.body.text') FROM row r JOIN stream s ON s.id = r.stream"
    " WHERE r.kind = 'alert' ORDER BY r.stream, r.seq"
)
_HOLES: Final = (
    "SELECT s.lane, s.seq, (SELECT count(*) FROM row r WHERE r.stream = s.id) FROM stream s"
)
_NUMBERS: Final = (
    "SELECT count(*), count(DISTINCT value), min(value), max(value) FROM row"
    " WHERE kind = 'reading' AND metric = 'n'"
)
_READINGS: Final = "SELECT count(*) FROM row WHERE kind = 'reading'"
_GAPS: Final = (
    "SELECT json_extract(body, '$.from_position'), json_extract(body, '$.to_position')"
    " FROM row WHERE kind = 'gap' ORDER BY stream, seq"
)
_HOURS: Final = (
    "SELECT coalesce(sum(n), 0), count(*) FROM (SELECT max(json_extract(body, '$.n')) AS n"
    " FROM row WHERE kind = 'reading_1h' AND metric = 'n' GROUP BY asset, at_ms)"
)


@dataclass(slots=True)
class Found:
    """What was seen while it caught up, and of what is left."""

    reports: int = 0
    alerts: int = 0
    lost: int = 0
    """Reports that only hours are left of."""
    hours: int = 0
    database_bytes: int = 0
    ledger_bytes: int = 0
    backfill_rows: int = 0
    backfill_s: float = 0.0
    sender_us: float = 0.0
    """CPU of each row of the backlog, and what is live beside it."""
    receiver_us: float = 0.0
    live_rows: int = 0
    latest_ms: int = 0
    """How late a live reading was at most, from its arrival here to where the cloud shows it."""
    faults: list[str] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Rows of the backlog in a second."""
        return self.backfill_rows / self.backfill_s if self.backfill_s else 0.0


def catch_up(
    gateway: Gateway, receiver: Receiver, program: str = PROGRAM, patience_s: float = 3_600
) -> Found:
    """Let the cloud come back, and send until nothing is left, while readings go on.

    Args:
        gateway: has lived through the time without a cloud.
        receiver: not started yet.
        program: of the sending process.
        patience_s: after so long it is over, however much is left.
    """
    found, ended = Found(), threading.Event()
    writer = threading.Thread(target=gateway.live, args=(ended,))
    with receiver, _sending(gateway, receiver.url, program) as sender:
        wait_until(receiver.path.exists, "the receiver has a database")
        writer.start()
        try:
            _watch(receiver, found, time.monotonic() + patience_s)
        finally:
            ended.set()
            writer.join()
        rows = max(sum(count for _, _, count in receiver.query(_PROGRESS)), 1)
        found.sender_us = _cpu_s(sender.pid) / rows * 1e6
        found.receiver_us = _cpu_s(receiver.process.pid) / rows * 1e6 if receiver.process else 0.0
        _settle(gateway, receiver, time.monotonic() + 30)
    found.ledger_bytes = size_of(ledger_of(gateway.path))
    found.ledger_bytes += size_of(beside(ledger_of(gateway.path), "-wal"))
    return found


@contextmanager
def _sending(gateway: Gateway, url: str, program: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The process of sync, as the daemon starts it."""
    sink = SinkSpec("hq", "http", {"url": url}, CHOICE.tree(), every_ms=EVERY_MS)
    path = gateway.path
    key = str(path.with_name("pseudonyms.key"))
    spec = Spec("north", str(path), str(ledger_of(path)), "", key, os.getpid(), (sink,))
    with path.with_name("sync.log").open("wb") as log:
        sender = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        assert sender.stdin is not None
        sender.stdin.write(spec.line())
        sender.stdin.flush()
        try:
            yield sender
        finally:
            sender.kill()
            sender.wait()
            sender.stdin.close()


def _cpu_s(pid: int) -> float:
    """What a process has used (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _watch(receiver: Receiver, found: Found, until: float) -> None:
    """Look until the backlog is sent; live rows are looked at as they come."""
    seen = begun = 0.0
    while time.monotonic() < until:
        time.sleep(LOOK_S)
        at_ms = time.time_ns() // 1_000_000
        rows = receiver.query(_NEWEST, seen)
        for seq, received_at_ms in rows:
            if received_at_ms is not None:  # a gap, or hours, in the control
                found.live_rows += 1
                found.latest_ms = max(found.latest_ms, at_ms - received_at_ms)
            seen = seq
        lanes = {lane: count for lane, _, count in receiver.query(_PROGRESS)}
        sent = lanes.get("backfill", 0)
        if sent and not begun:
            begun = time.monotonic()
        if sent != found.backfill_rows:
            found.backfill_rows, found.backfill_s = sent, time.monotonic() - begun
        elif sent and time.monotonic() - begun - found.backfill_s > 3 and found.live_rows:
            return
        if not sent and found.latest_ms > LATEST_MS:  # the control
            return


def _settle(gateway: Gateway, receiver: Receiver, until: float) -> None:
    """The last live readings are on their way."""
    last = gateway.history.reports
    query = "SELECT max(value) FROM row WHERE kind = 'reading' AND metric = 'n'"
    while time.monotonic() < until and receiver.query(query) != [(float(last),)]:
        time.sleep(LOOK_S)


def look(gateway: Gateway, receiver: Receiver, found: Found) -> Found:
    """Compare what the receiver holds with what was stored."""
    found.reports, found.alerts = gateway.history.reports, gateway.history.alerts
    found.database_bytes = gateway.history.most_bytes
    found.lost, found.hours = _lost(receiver), receiver.query(_HOURS)[0][1]
    found.faults = list(_faults(gateway, receiver, found))
    return found


def _lost(receiver: Receiver) -> int:
    gaps = receiver.query(_GAPS)
    ends = [int(last.removeprefix("report:")) for _, last in gaps if last.startswith("report:")]
    return max(ends, default=0)


def _faults(gateway: Gateway, receiver: Receiver, found: Found) -> Iterator[str]:
    if found.database_bytes > gateway.plan.quota + SLACK:
        yield f"the database grew to {found.database_bytes} bytes of {gateway.plan.quota}"
    if found.ledger_bytes > LEDGER_BYTES:
        yield f"the ledger grew to {found.ledger_bytes} bytes"
    for lane, seq, count in receiver.query(_HOLES):
        if seq != count:
            yield f"{lane}: {count} rows, and the last is {seq}"
    alerts = [text for (text,) in receiver.query(_ALERTS)]
    if alerts != [f"alarm {n}" for n in range(gateway.history.alerts)]:
        yield f"{len(alerts)} alerts of {gateway.history.alerts}, or not in order"
    yield from _faults_of_readings(receiver, found)
    hours, _ = receiver.query(_HOURS)[0]
    if hours < found.lost and not any("reading_hour" in name for name in gateway.counters()):
        yield f"hours hold {hours} of {found.lost} reports that are gone"
    if found.latest_ms > LATEST_MS or not found.live_rows:
        yield f"{found.live_rows} live readings were {found.latest_ms} ms late"


def _faults_of_readings(receiver: Receiver, found: Found) -> Iterator[str]:
    count, distinct, low, high = receiver.query(_NUMBERS)[0]
    expected = (found.reports - found.lost,) * 2 + (found.lost + 1, found.reports)
    if (count, distinct, low, high) != expected:
        yield f"readings {count, distinct, low, high}, expected {expected}"
    if receiver.query(_READINGS)[0][0] != count * WIDTH:
        yield "not every reading of each report is there"


def told(found: Found) -> str:
    """As one line of JSON."""
    shown = {name: getattr(found, name) for name in Found.__slots__}
    shown["rows_per_s"] = round(found.per_s)
    return json.dumps(shown)
