"""A device is forgotten by the running daemon, and by the command when it is stopped."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MARK = "the-marked-sensor"
ALL = ("zigbee2mqtt, broker: local", "zigbee2mqtt, broker: local, keep: all")
PRIVATE = ("store:", "privacy: {pseudonyms: true}\nstore:")
FILES = ("gateway.db", "gateway.db-wal", "gateway.db-shm")


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", *words, "--config", str(folder / "gateway.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def marked(folder: Path) -> list[str]:
    """Files of the store that hold its name or its value."""
    found = [folder / name for name in FILES if (folder / name).exists()]
    content = {one.name: one.read_bytes() for one in found}
    return [name for name, held in content.items() if MARK.encode() in held or b"4711.25" in held]


def lived(zigbee: Zigbee, daemon: Daemon) -> None:
    zigbee.online()
    for _ in range(20):
        zigbee.tell(MARK, level=4711.25)
        zigbee.tell("probe", temperature=20)
    zigbee.peer.publish(f"zigbee2mqtt/{MARK}", "{broken")
    wait_until(lambda: len(daemon.values("level")) == 20, "it is stored")
    wait_until(lambda: daemon.rows("SELECT 1 FROM reject"), "its reject, too")
    wait_until(lambda: MARK in str(zigbee.newest("devices/zigbee")), "it is shown")
    assert marked(daemon.folder)


def forgotten(folder: Path) -> dict[str, Any]:
    done = run(folder, "forget", f"zigbee/{MARK}", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["done"], told["reports"], told["rejects"]) == (True, 20, 1)
    assert told["audit_records"] == 0
    return told


def test_a_running_daemon_forgets_a_device(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    port = make_broker().start().port
    with Zigbee(port) as zigbee, Daemon(tmp_path, pump(port, ALL)) as daemon:
        lived(zigbee, daemon)
        assert forgotten(tmp_path)["still_mapped"] == []
        assert marked(tmp_path) == []
        wait_until(lambda: MARK not in str(zigbee.newest("devices/zigbee")), "it is not shown")
        record = "SELECT body FROM audit WHERE kind = 'security'"
        wait_until(lambda: daemon.rows(record), "it is recorded")
        assert MARK not in str(daemon.rows(record))
        zigbee.tell("probe", temperature=33)
        wait_until(lambda: 33 in daemon.values("temperature"), "the gateway goes on")
        verified = run(tmp_path, "audit", "verify")
        assert verified.returncode == 0, verified.stdout
        assert daemon.stop() == 0
        assert marked(tmp_path) == []


def test_the_command_forgets_a_device_of_a_gateway_that_is_stopped(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    port = make_broker().start().port
    with Zigbee(port) as zigbee, Daemon(tmp_path, pump(port, ALL)) as daemon:
        lived(zigbee, daemon)
        assert daemon.stop() == 0
        forgotten(tmp_path)
        assert marked(tmp_path) == []
        assert len(daemon.values("temperature")) == 20
        daemon.start()
        wait_until(lambda: MARK not in str(zigbee.newest("devices/zigbee")), "it is not shown")


def test_what_is_exported_names_nobody(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    port = make_broker().start().port
    with Zigbee(port) as zigbee, Daemon(tmp_path, pump(port, ALL, PRIVATE)) as daemon:
        lived(zigbee, daemon)
        shown = run(tmp_path, "export", "--json")
        assert shown.returncode == 0, shown.stderr
        rows = [json.loads(line) for line in shown.stdout.splitlines()]
        assert len(rows) >= 40
        for name in (MARK, "zigbee", "probe", "pump"):
            assert name not in shown.stdout, name
        (device,) = {row["device"] for row in rows if row["metric"] == "level"}
        found = run(tmp_path, "pseudonym", device)
        assert found.stdout.split() == ["device", f"zigbee/{MARK}", device]
        assert run(tmp_path, "pseudonym", f"zigbee/{MARK}").stdout == found.stdout
        assert run(tmp_path, "pseudonym", "device-nobody").returncode == 1
        key = tmp_path / "pseudonyms.key"
        assert key.stat().st_mode & 0o077 == 0
