"""A disk that is full: readings wait in bounded memory, nothing is commanded, it mends itself."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.disk import small_disk
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

HELD = 50


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with small_disk(tmp_path / "disk", "16m") as place:
        yield place


def fill(disk: Path) -> Path:
    """Another program's file takes all there is."""
    other = disk / "other"
    with other.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return other


def stored_on(disk: Path, port: int) -> str:
    path = ("path: gateway.db, min_free_bytes: 1MiB", f"path: {disk}/gateway.db, min_free_bytes: 0")
    return pump(port, path) + f"limits: {{held_readings: {HELD}}}\n"


def rows(daemon: Daemon, disk: Path, sql: str) -> list[tuple[object, ...]]:
    link = daemon.folder / "gateway.db"
    if not link.is_symlink():
        link.symlink_to(disk / "gateway.db")
    return daemon.rows(sql)


def test_a_full_disk_is_survived_at_the_price_of_the_oldest_readings(
    tmp_path: Path, disk: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, stored_on(disk, broker.port)) as daemon:
        zigbee.online()
        number = until_refused(zigbee, daemon, disk)
        for more in range(number + 1, number + 300):
            zigbee.tell("plug", power=more)
        values = "SELECT value FROM reading WHERE metric = 'power' ORDER BY report"
        wait_until(lambda: (number + 299,) in rows(daemon, disk, values), "all is stored")
        known = [value for (value,) in rows(daemon, disk, values)]
        assert known[-299:] == list(range(number + 1, number + 300))
        dropped = "SELECT coalesce(sum(n), 0) FROM counter WHERE scope LIKE 'dropped.%'"
        ((count,),) = rows(daemon, disk, dropped)
        assert number + 299 - len(known) <= int(str(count))
        (disk / "other").unlink()
        wait_until(lambda: states(daemon)[-1:] == ["running"], "it is well again")
        assert daemon.stop() == 0


def test_health_says_that_the_disk_is_full(
    tmp_path: Path, disk: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, stored_on(disk, broker.port)) as daemon:
        zigbee.online()
        until_refused(zigbee, daemon, disk)

        def refused() -> bool:
            fill(disk)
            zigbee.tell("probe", temperature=99, x="x" * 500)
            zigbee.tell("probe", temperature=20, x="x" * 500)
            said = zigbee.heard("edge/here/health")
            return any("store: full" in health.get("problems", []) for health in said)

        wait_until(refused, "health tells")
        assert {"full"} <= {said["store"]["state"] for said in zigbee.heard("edge/here/health")}
        (disk / "other").unlink()
        wait_until(lambda: states(daemon)[-1:] == ["running"], "it is well again")
        wait_until(lambda: zigbee.newest("health")["store"]["state"] == "ok", "health tells it")
        assert daemon.stop() == 0


def states(daemon: Daemon) -> list[str]:
    return [entry["state"] for entry in daemon.logged("gateway_changed")]


def until_refused(zigbee: Zigbee, daemon: Daemon, disk: Path) -> int:
    """Fill the disk and report on; the last number reported."""
    number = 0

    def refused() -> bool:
        nonlocal number
        number += 1
        fill(disk)
        zigbee.tell("plug", power=number, x="x" * 500)
        return bool(daemon.logged("store_refused"))

    wait_until(refused, "the store refuses")
    return number


def test_it_ends_well_while_the_disk_is_full(
    tmp_path: Path, disk: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, stored_on(disk, broker.port)) as daemon:
        zigbee.online()
        until_refused(zigbee, daemon, disk)
        assert daemon.stop(8) == 0
        (disk / "other").unlink()
        daemon.start()
        zigbee.tell("plug", power=1e6)
        values = "SELECT max(value) FROM reading WHERE metric = 'power'"
        wait_until(lambda: rows(daemon, disk, values) == [(1e6,)], "it stores again")
        assert daemon.stop() == 0


def test_a_store_that_cannot_be_written_stops_commands_but_not_the_view(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    text = pump(broker.port) + f"limits: {{held_readings: {HELD}}}\n"
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("plug", power=1)
        wait_until(lambda: daemon.values("power") == [1], "it stores")
        wait_until(lambda: zigbee.newest("health").get("state") == "running", "it is well")
        forever = resource.RLIM_INFINITY
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1, forever))
        zigbee.tell("plug", power=2)
        wait_until(lambda: zigbee.newest("health")["state"] == "degraded", "health tells")
        assert zigbee.newest("health")["problems"] == ["store: read_only"]
        zigbee.tell("probe", temperature=99)
        wait_until(lambda: zigbee.newest("asset/pump/state")["alert"], "the alarm is seen")
        for number in range(3, 300):
            zigbee.tell("plug", power=number)
        for number in range(4 * HELD):
            zigbee.peer.publish("zigbee2mqtt/probe", f'{{"temperature": {number / 100}}}', qos=0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["alert"] is False, "it is cold")
        zigbee.tell("probe", temperature=98)
        wait_until(lambda: zigbee.newest("asset/pump/state")["alert"], "the view goes on")
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (forever, forever))
        wait_until(lambda: zigbee.newest("health")["state"] == "running", "it is well again")
        wait_until(lambda: 98 in daemon.values("temperature"), "all is stored")
        assert daemon.values("power") == list(range(1, 300))
        raised = "SELECT refused FROM decision WHERE event = 'raised'"
        assert daemon.rows(raised) == [("store read_only",)] * 2
        wait_until(lambda: zigbee.newest("asset/pump/decision"), "the refusal is announced")
        ((lost,),) = daemon.rows("SELECT n FROM counter WHERE reason = 'store_unavailable'")
        assert len(daemon.values("temperature")) + lost == 4 * HELD + 2
        assert daemon.stop() == 0
        assert zigbee.orders == []
