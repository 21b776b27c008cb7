"""While the store refuses: what is held of signals is bounded, and what is dropped is counted."""

import asyncio
from array import array
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.config.settings import Limits
from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.signals import Sampling, Signal
from gateway.daemon.journal import HELD_BLOCKS, Journal
from gateway.store.batch import StoredReport
from tests.fakes.inside import Clocks
from tests.store.samples import open_store, settings

METRIC = Metric("w", "plc", "p", ValuePath.parse("w"), "press", signal=Sampling(1000.0))


def block(n: int) -> StoredReport:
    signal = Signal.of(array("f", [float(n % 7), 1.0] * 16), 1000.0)
    readings = (Reading(METRIC, signal.rms),)
    return StoredReport(Report("plc", "p", Readings.of(readings), n, n, n, signals={0: signal}))


def test_of_more_blocks_than_are_held_the_readings_stay(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = open_store(settings(tmp_path))
        with ThreadPoolExecutor(1) as pool:
            journal = Journal(store, pool, Clocks(), lambda *_: None, Limits())
            journal.trouble = "full"
            for n in range(HELD_BLOCKS + 40):
                journal.report(block(n), volatile=True)
            assert journal.batch.counts["signals", "store_unavailable"] == 40
            running = asyncio.create_task(journal.run())
            stored = asyncio.create_task(journal.committed())
            await asyncio.wait({running, stored}, timeout=60, return_when="FIRST_COMPLETED")
            assert stored.done(), running
            running.cancel()
        count = "SELECT (SELECT count(*) FROM report), (SELECT count(*) FROM signal_block)"
        assert store._connection.execute(count).fetchone() == (HELD_BLOCKS + 40, HELD_BLOCKS)
        (first,) = store._connection.execute("SELECT min(report) FROM signal_block").fetchone()
        assert first == 41, "the oldest lost their samples"
        store.close()

    asyncio.run(scenario())
