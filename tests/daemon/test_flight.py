"""The flight recorder of a real daemon: crashes, aborts, and what is asked for."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.adapters import dumps
from gateway.cli.main import cli
from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytestmark = pytest.mark.broker
FAILING = str(ROOT / "tests/fakes/failing_loop.py")


def written(folder: Path) -> list[Path]:
    return dumps.dumps(folder / "flight-recorder")


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def invoke(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(cli, [*words, "--config", str(folder / "gateway.yaml")])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_systemd_aborts_says_where_it_was_and_what_it_heard(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    quiet = ("level: debug", "level: error")
    with Daemon(tmp_path, pump(zigbee.port, quiet)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=61.5)
        wait_until(lambda: daemon.values("temperature") == [61.5], "it was heard")
        daemon.signal(signal.SIGABRT)
        assert daemon.ended() == -signal.SIGABRT
        (file,) = written(tmp_path)
        head, *lines = read(file)
        assert (head["why"], head["gateway"]) == ("aborted", "here")
        assert {"topic", "at", "bytes"} == set(lines[0])
        assert "zigbee2mqtt/probe" in {one.get("topic") for one in lines}
        assert "61.5" not in file.read_text()
        assert "gateway_started" in {one.get("event") for one in lines}, "below the level, too"
        assert any("asyncio" in "".join(one["stack"]) for one in lines if "stack" in one)
        found = json.loads(invoke(tmp_path, "flight-recorder", "--list", "--json"))
        assert [one["why"] for one in found["files"]] == ["aborted"]


def test_an_exception_that_nobody_expected_is_dumped_once_in_a_loop_of_restarts(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port), program=(FAILING,)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=500)
        assert daemon.ended() == 1
        daemon.start()
        zigbee.tell("probe", temperature=500)
        assert daemon.ended() == 1
        (file,) = written(tmp_path)
        head = read(file)[0]
        assert head["why"] == "crashed"
        assert "ZeroDivisionError" in head["traceback"]


def test_a_crash_in_native_code_is_found_at_the_next_start(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        daemon.signal(signal.SIGSEGV)
        assert daemon.ended() == -signal.SIGSEGV
        daemon.start()
        (found,) = daemon.logged("crash_found")
        assert "Segmentation fault" in Path(found["file"]).read_text()
        assert daemon.stop() == 0
        daemon.start()
        assert len(daemon.logged("crash_found")) == 1, "of an orderly end nothing is left"


def test_whoever_asks_gets_a_file_without_secrets(tmp_path: Path, zigbee: Zigbee) -> None:
    (tmp_path / "mqtt.secret").write_text("hunter-2222\n")
    login = ("host: 127.0.0.1", "host: 127.0.0.1, username: gateway, password_file: mqtt.secret")
    with Daemon(tmp_path, pump(zigbee.port, login)) as daemon:
        zigbee.online()
        zigbee.peer.publish("zigbee2mqtt/hunter-2222", b"{}")
        zigbee.tell("probe", temperature=60)
        wait_until(lambda: daemon.values("temperature") == [60], "it was heard")
        answer = json.loads(invoke(tmp_path, "flight-recorder", "--json"))
        text = Path(answer["file"]).read_text()
        assert "zigbee2mqtt/probe" in text
        assert "zigbee2mqtt/********" in text
        assert "hunter" not in text
        bundle = tmp_path / "bundle.tar.gz"
        output = invoke(tmp_path, "support-bundle", "--output", str(bundle), "--wait", "1")
        assert f"flight-recorder/{Path(answer['file']).name}" in output


def test_an_erased_device_is_in_no_dump(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=60)
        wait_until(lambda: daemon.values("temperature") == [60], "it was heard")
        before = Path(json.loads(invoke(tmp_path, "flight-recorder", "--json"))["file"])
        invoke(tmp_path, "forget", "zigbee/probe", "--yes")
        assert not before.exists()
        after = Path(json.loads(invoke(tmp_path, "flight-recorder", "--json"))["file"])
        assert "zigbee2mqtt/probe" not in after.read_text()


def test_without_memory_there_is_none(tmp_path: Path, zigbee: Zigbee) -> None:
    off = ("format: json", "format: json, recorder: 0")
    with Daemon(tmp_path, pump(zigbee.port, off)):
        assert not (tmp_path / "flight-recorder").exists()
        words = ["flight-recorder", "--config", str(tmp_path / "gateway.yaml")]
        refused = CliRunner().invoke(cli, words)
        assert "nobody answers that" in str(refused.exception)


STANDING = """
import asyncio, sys, time
from pathlib import Path
from gateway import config
from gateway.daemon import flight
from gateway.daemon.clock import SystemClock
flight.STANDSTILL_S, flight.ARM_S = 0.3, 0.1
one = flight.Flight(config.load(Path(sys.argv[1])), SystemClock())
one.start()
async def main():
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    time.sleep(1)  # the loop stands still here
    await asyncio.sleep(0.3)
    task.cancel()
asyncio.run(main())
one.close()
"""


def test_a_standstill_leaves_a_stack_behind_and_is_said(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(1))
    done = subprocess.run(
        [sys.executable, "-c", STANDING, str(file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "standstill_recorded" in done.stdout + done.stderr
    (stack,) = written(tmp_path)
    assert "Timeout" in stack.read_text()
    assert 'File "<string>"' in stack.read_text()
