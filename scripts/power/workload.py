"""A real gateway's writes: commits, upkeep, a clean stop half-way; prints each key once committed.

Usage: workload.py FOLDER full|normal
"""

import os
import sys
from collections import Counter
from pathlib import Path

from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.store.batch import Batch, OutboxRow, StoredReport
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store

COMMITS = 120
NOW_MS = 1_790_000_000_000
METRICS = tuple(
    Metric(f"m{n}", "zigbee", "plug", ValuePath.parse(f"m{n}"), "pump-7") for n in range(7)
)


def batch(n: int) -> Batch:
    """Three to twelve reports, a counter, a kept text and an outgoing message."""
    keys = range(n * 16 + 1, n * 16 + 4 + n % 10)
    made = [
        Report(
            "zigbee",
            "plug",
            Readings.of(Reading(one, key * 0.25 + place) for place, one in enumerate(METRICS)),
            NOW_MS + key,
            NOW_MS + key,
            1_000 + key,
        )
        for key in keys
    ]
    return Batch(
        reports=[StoredReport(one, key) for one, key in zip(made, keys, strict=True)],
        counts=Counter({("mqtt", "messages"): len(made)}),
        kept={("proof", "last"): str(keys[-1])},
        outbox=[OutboxRow(f"edge/{n}", b"x")],
    )


def main() -> None:
    """Write, and say what is written."""
    settings = StoreSettings(
        path=Path(sys.argv[1]) / "gateway.db",
        max_bytes=64 << 20,
        min_free_bytes=0,
        ballast_bytes=0,
        durability="normal" if sys.argv[2] == "normal" else "full",
    )
    store = Store.open(settings, boot="proof", now_ms=NOW_MS, mono_ms=1_000)
    for n in range(COMMITS):
        if n == COMMITS // 2:
            store.close()
            store = Store.open(settings, boot="proof", now_ms=NOW_MS, mono_ms=1_000)
        work = batch(n)
        done = store.commit(work)
        os.write(1, f"{' '.join(str(one.key) for one in work.reports)}\n".encode())
        store.commit(Batch(published=list(done.outbox_ids)))
        if n % 20 == 19:
            store.maintain(NOW_MS, clock_ok=True)
    os._exit(0)


if __name__ == "__main__":
    main()
