"""A cloud that is away for days: what a gateway stores meanwhile, in virtual time, and then live.

The history is written by the real store (``Store.commit``, ``maintain``) as fast as it can; only
its clocks are virtual. It ends now, so that the readings that follow are live. The value of the
metric ``n`` is the number of its report, which is its row id, too: so every reading is known again.
"""

import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.store.batch import Batch, StoredReport, SyncRow
from gateway.store.files import beside, size_of
from gateway.store.settings import DAY_MS, StoreSettings
from gateway.store.writer import Store

WIDTH: Final = 7
"""Readings of one report, as a plug sends them."""
COMMIT: Final = 256
SLACK: Final = 3 << 20
"""Beside the quota: the WAL."""
BOOT: Final = "away"
QUOTA: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How much happens."""

    days: float = 15.0
    per_s: float = 100.0
    """Readings while the cloud is away."""
    quota: int = QUOTA
    plugs: int = 20
    alerts: int = 3_000
    health_ms: int = 60_000
    live_per_s: float = 100.0
    limited: bool = True
    """False, for a control: the quota is not kept."""

    @property
    def duration_ms(self) -> int:
        return round(self.days * DAY_MS)

    @property
    def reports(self) -> int:
        """While the cloud is away."""
        return round(self.duration_ms / 1000 * self.per_s / WIDTH)


def plan(factor: float = 1.0, days: float = 15.0) -> Plan:
    """The whole at 1; so many times less of everything but the days at more.

    At 1 that is 100 readings/s and 256 MiB for the database, which hold not two days of them (the
    2 GiB that a store has where the file does not say hold two weeks). 10 times less: 10
    readings/s, 25.6 MiB (and never less than 4), 300 alerts, health every ten minutes. What is sent
    live does not change.
    """
    quota = max(round(QUOTA / factor), 4 << 20)
    alerts = max(round(3_000 / factor), 50)
    plugs = 20 if factor < 10 else 3
    return Plan(days, 100 / factor, quota, plugs, alerts, round(60_000 * min(factor, 60)))


@dataclass(slots=True)
class History:
    """What was stored."""

    reports: int = 0
    alerts: int = 0
    most_bytes: int = 0
    """The largest that the database and its WAL ever were."""
    seconds: float = 0.0


class Gateway:
    """A store, and who writes to it."""

    def __init__(self, folder: Path, given: Plan) -> None:
        """Nothing was stored yet."""
        self.path = folder / "gateway.db"
        self.plan = given
        self.history = History()
        self._dice = random.Random(5)
        self._begin_ms = time.time_ns() // 1_000_000 - given.duration_ms
        quota = given.quota if given.limited else given.quota * 1_000
        settings = StoreSettings(self.path, quota, 0, ballast_bytes=0)
        self._store = Store.open(settings, boot=BOOT, now_ms=self._begin_ms, mono_ms=0)
        self._plugs = [_plug(n) for n in range(given.plugs)]

    # -- while the cloud is away ------------------------------------------------------------------

    def live_through(self) -> History:
        """Store the whole time, as the daemon does."""
        begun, given = time.monotonic(), self.plan
        each_ms = given.duration_ms / given.reports
        alarms = sorted(self._dice.sample(range(given.reports), given.alerts), reverse=True)
        health_ms = 0
        for first in range(0, given.reports, COMMIT):
            last = min(first + COMMIT, given.reports)
            batch = Batch()
            for number in range(first, last):
                batch.reports.append(self._report(number, round(number * each_ms)))
                if alarms and alarms[-1] == number:
                    self._alarm(batch, round(alarms.pop() * each_ms))
            mono_ms = round((last - 1) * each_ms)
            while health_ms <= mono_ms:
                batch.sync_rows.append(_health(self._begin_ms + health_ms))
                health_ms += given.health_ms
            self._commit(batch, mono_ms)
        self.history.reports = given.reports
        self.history.seconds = time.monotonic() - begun
        return self.history

    def _report(self, number: int, after_ms: int) -> StoredReport:
        plug, dice = self._plugs[number % len(self._plugs)], self._dice.random
        values = (float(number + 1), *(round(dice() * 240, 2) for _ in range(WIDTH - 1)))
        at_ms = self._begin_ms + after_ms
        told = Readings.of(map(Reading, plug, values))
        return StoredReport(Report("zigbee", plug[0].device, told, at_ms, at_ms, after_ms))

    def _alarm(self, batch: Batch, after_ms: int) -> None:
        number, at_ms = self.history.alerts, self._begin_ms + after_ms
        self.history.alerts += 1
        asset = self._plugs[number % len(self._plugs)][0].asset
        verdict = Verdict(asset, at_ms, after_ms, "rule:1", "alarm", 0.9, 0.5)
        made = (asset, f"{asset}/policy/0", "raised", Mode.ADVISE, "stop", verdict)
        batch.decisions.append(Decision(f"d{number:06}", *made))
        told = {"kind": "raised", "text": f"alarm {number}"}
        batch.sync_rows.append(SyncRow("alert", asset, at_ms, json.dumps(told)))

    def _commit(self, batch: Batch, mono_ms: int) -> None:
        batch.at_ms = self._begin_ms + mono_ms
        self._store.commit(batch)
        if self._store.merging.due:
            self._store.merging.run()
        while self._store.maintain(batch.at_ms, clock_ok=True, mono_ms=mono_ms).more:
            pass
        size = size_of(self.path) + size_of(beside(self.path, "-wal"))
        self.history.most_bytes = max(self.history.most_bytes, size)

    # -- and then live ----------------------------------------------------------------------------

    def live(self, ended: threading.Event) -> None:
        """Store readings at their real pace until it is over; for a thread."""
        pause_s = WIDTH / self.plan.live_per_s
        while not ended.wait(pause_s):
            self.store_now()

    def store_now(self) -> None:
        """One report, now."""
        after_ms = time.time_ns() // 1_000_000 - self._begin_ms
        batch = Batch(reports=[self._report(self.history.reports, after_ms)])
        batch.at_ms = self._begin_ms + after_ms
        self._store.commit(batch)
        if self._store.merging.due:
            self._store.merging.run()
        self.history.reports += 1

    def counters(self) -> dict[str, int]:
        """Rows that the limits dropped, by what they were."""
        found = self._store.counters()
        return {f"{scope}/{why}": n for (scope, why), n in found.items() if "dropped" in scope}

    def close(self) -> None:
        """The gateway stops."""
        self._store.close()


def _plug(number: int) -> list[Metric]:
    path = ValuePath.parse("v")
    names = ("n", *(f"m{place}" for place in range(1, WIDTH)))
    return [Metric(name, "zigbee", f"plug {number}", path, f"pump-{number}") for name in names]


def _health(at_ms: int) -> SyncRow:
    document = {"state": "running", "problems": [], "store": {"state": "ok", "bytes": at_ms}}
    return SyncRow("health", "", at_ms, json.dumps(document | {"sources": {"zigbee": "x" * 300}}))
