"""A real mosquitto process that can be killed and started again on the same port."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from gateway.demo.broker import mosquitto
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

PROGRAM = mosquitto()


class Mosquitto:
    """One broker on loopback, with lines of configuration of one's own."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """``{folder}`` in a line becomes the broker's own folder; nothing is started yet."""
        self.port = free_port()
        self.host = "127.0.0.1"
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        given = [line.format(folder=folder) for line in lines]
        keys = {line.split()[0] for line in given}
        defaults = {"allow_anonymous": "true", "max_queued_messages": "100000", "user": "root"}
        missing = [f"{key} {value}" for key, value in defaults.items() if key not in keys]
        settings = [f"listener {self.port} {self.host}", *given, *missing]
        self._file = folder / "mosquitto.conf"
        self._file.write_text("\n".join(settings) + "\n")

    def start(self) -> "Mosquitto":
        """Start it and wait until it listens."""
        assert PROGRAM is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", str(self._file)], stdout=log, stderr=log
            )
        wait_until(self._listens, f"mosquitto listens, see {self.log}")
        return self

    def kill(self) -> None:
        """End it without giving it time for anything."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        """End it as an operator would: it saves what it keeps."""
        self._end(subprocess.Popen.terminate)

    def _end(self, end: Callable[["subprocess.Popen[bytes]"], None]) -> None:
        if self._process is not None:
            end(self._process)
            self._process.wait(10)
            self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0
