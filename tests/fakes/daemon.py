"""The real daemon as a real process, seen from outside: exit, notices, log, store."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.records import Records
from tests.fakes.waiting import PATIENCE_S, wait_until

START_S = 60.0
ROOT = Path(__file__).parents[2]
PUMP = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: debug, format: json}
assets:
  pump:
    name: Pump
    metrics:
      temperature: {from: zigbee/probe, unit: degC}
      power: {from: zigbee/plug, unit: W}
    actions:
      stop:
        to: zigbee/plug
        set: {state: "OFF"}
        proof: {metric: power, below: 5, within: 20s}
    verdicts:
      - {rule: "temperature > 90", label: alarm}
    policy:
      - {when: alarm, do: stop, mode: act}
"""
"""A pump that is stopped through its Zigbee plug when it is hot; one hot reading is enough."""


def pump(port: int, *changes: tuple[str, str]) -> str:
    """The pump's configuration, with pieces of its text changed."""
    text = PUMP.replace("PORT", str(port))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Daemon(Records):
    """One daemon with a configuration and a folder of its own; it can be started many times."""

    def __init__(
        self,
        folder: Path,
        text: str,
        *,
        program: Sequence[str] = ("-m", "gateway"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``program`` stands for ``-m gateway``, for daemons with a planted fault."""
        self.folder = folder
        self.file = folder / "gateway.yaml"
        self.file.write_text(text)
        self.notices: list[str] = []
        """What systemd was told, line by line, of all starts."""
        self._program = [sys.executable, *program, "run", "--config", str(self.file)]
        self._environment = environment or {}
        self._log = folder / "daemon.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.folder / "notify"))
        self._listener.join(5)
        self._socket.close()
        if error is not None:
            sys.stderr.write(self.text)

    def start(self) -> Self:
        """Start it and wait until it says that it is ready."""
        before = self.notices.count("READY=1")
        self.launch()
        wait_until(
            lambda: self.notices.count("READY=1") > before or self.process.poll() is not None,
            "the daemon is ready",
            START_S,
        )
        assert self.process.poll() is None, self.text
        return self

    def launch(self) -> None:
        """Start it without waiting for anything."""
        assert self._process is None
        environment = {
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "EDGE_GATEWAY_TRUST_CLOCK": "1",
            "STATE_DIRECTORY": str(self.folder),
            "PYTHONPATH": str(ROOT),  # this checkout, whatever is installed
            **self._environment,
        }
        self._process = subprocess.Popen(
            self._program,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=os.environ | environment,
        )
        self._writer = threading.Thread(target=self._write, args=[self._process], daemon=True)
        self._writer.start()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The process; it is an error to ask for it when nothing was started."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it without giving it time for anything."""
        self.process.kill()
        self.ended()

    def stop(self, deadline_s: float = PATIENCE_S) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended(deadline_s)

    def ended(self, deadline_s: float = PATIENCE_S) -> int:
        """Wait for its end; its exit code."""
        code = self.process.wait(deadline_s)
        self._writer.join(5)
        self._process = None
        return code

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    @property
    def text(self) -> str:
        """Everything it wrote, of all starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event, of all starts."""
        mark, found = f'"event": "{event}"', []
        for line in self.text.splitlines():
            if mark in line:
                with suppress(ValueError):  # its last line may not be whole yet
                    found.append(json.loads(line))
        return found

    def hears(self) -> None:
        """Wait until it listens at its brokers: it is ready before."""

        def running() -> bool:
            """Said at the first beat that finds no problem, a while after the subscriptions."""
            return any(one["state"] == "running" for one in self.logged("gateway_changed"))

        wait_until(running, "it listens")

    def worker_pid(self) -> int:
        """The process that runs the models; 0 while there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        tasks = children.parent.parent.glob("*/children")
        found = [pid for task in tasks for pid in task.read_text().split()]
        return int(found[0]) if found else 0

    def _write(self, process: "subprocess.Popen[bytes]") -> None:
        """Copy what it says: its own writing may be made to fail."""
        assert process.stdout is not None
        with process.stdout as said, self._log.open("ab", buffering=0) as log:
            while some := os.read(said.fileno(), 65_536):
                log.write(some)

    def _listen(self) -> None:
        while datagram := self._socket.recv(4096):
            self.notices += datagram.decode().splitlines()
