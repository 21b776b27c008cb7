"""The real receiver as a real process: kill it, start it again, look into its store."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.core.batches import Stream
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-sixteen-letters"


class Receiver:
    """``edge-gateway receiver`` on loopback with a store in a folder; options are its own."""

    def __init__(self, folder: Path, *options: str, http: bool = True, store: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.path = folder / "receiver.db"
        self.store = store or str(self.path)
        self.log = folder / "receiver.log"
        self._http = http
        listen = f"127.0.0.1:{self.port}" if http else "none"
        self._program = [sys.executable, "-m", "gateway", "receiver", "--json"]
        self._program += ["--listen", listen, "--store", self.store, *options]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._program, stderr=log, stdout=log, cwd=ROOT)
        wait_until(self._ready, f"the receiver listens, see {self.log}")
        return self

    def kill(self) -> None:
        """End it without giving it time for anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as systemd does; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from its store."""
        connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def rows(self, stream: Stream) -> list[dict[str, Any]]:
        """What it holds of a stream, as it was sent, in its own order."""
        query = (
            "SELECT r.body FROM row r JOIN stream s ON s.id = r.stream"
            " WHERE (s.gateway, s.epoch, s.lane) = (?, ?, ?) ORDER BY r.seq"
        )
        return [json.loads(body) for (body,) in self.query(query, *stream)]

    def seqs(self, stream: Stream) -> list[int]:
        return [row["seq"] for row in self.rows(stream)]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What it said of one kind of event."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in events if one["event"] == event]

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        if not self._http:
            return bool(self.logged("receiver_started"))
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def token_file(folder: Path, *lines: str) -> Path:
    file = folder / "tokens"
    file.write_text("\n".join(lines or (TOKEN,)) + "\n")
    return file


def options(**named: object) -> Sequence[str]:
    """``token_file=...`` -> ``--token-file ...``."""
    return [
        word
        for name, value in named.items()
        for word in ("--" + name.replace("_", "-"), str(value))
    ]
