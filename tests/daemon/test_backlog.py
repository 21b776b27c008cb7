"""What a broker queued while the daemon was away is stored, and never decided on."""

import json
from pathlib import Path

from gateway.core.times import LATE_MS
from gateway.daemon.clock import SystemClock
from gateway.store.batch import Batch
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


def pretend_away(folder: Path, away_ms: int) -> None:
    """Write into the store that the daemon was last alive so long ago."""
    clock = SystemClock()
    settings = StoreSettings(folder / "gateway.db", min_free_bytes=1 << 20)
    store = Store.open(settings, boot=clock.boot, now_ms=clock.now_ms(), mono_ms=clock.mono_ms())
    then = f"{clock.boot} {clock.mono_ms() - away_ms} {clock.now_ms() - away_ms}"
    store.commit(Batch(kept={("daemon", "alive"): then}))
    store.close()


def tell(zigbee: Zigbee, temperature: float) -> None:
    zigbee.peer.publish("zigbee2mqtt/probe", json.dumps({"temperature": temperature}), 1)


def test_a_backlog_of_a_long_absence_is_stored_as_late_and_news_is_decided_on(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        tell(zigbee, 20.0)
        wait_until(lambda: daemon.values("temperature") == [20.0], "the first reading")
        daemon.stop()
        for temperature in (95.0, 96.0, 97.0):
            tell(zigbee, temperature)
        pretend_away(tmp_path, LATE_MS + 60_000)

        daemon.start()
        wait_until(lambda: daemon.logged("backlog_taken"), "the end of the backlog")
        wait_until(lambda: len(daemon.values("temperature")) == 4, "the backlog")
        reasons = daemon.rows("SELECT reason FROM reading WHERE metric = 'temperature'")
        assert [reason for (reason,) in reasons][1:] == ["late"] * 3
        assert daemon.rows("SELECT 1 FROM decision") == []

        tell(zigbee, 98.0)
        wait_until(lambda: zigbee.orders, "an order on fresh evidence")
        assert len(zigbee.orders) == 1


def test_a_backlog_of_a_short_absence_is_news(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        tell(zigbee, 20.0)
        wait_until(lambda: daemon.values("temperature") == [20.0], "the first reading")
        daemon.stop()
        tell(zigbee, 95.0)
        daemon.start()
        wait_until(lambda: zigbee.orders, "an order")
