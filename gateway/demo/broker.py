"""A broker for the demo and the tests: mosquitto where it is installed, else amqtt.

It listens on loopback only and lets everybody in. amqtt speaks MQTT 3.1.1 alone, so there are no
reason codes and no message expiry: a refused command looks like a delivered one. It keeps nothing
on disk.

``python -m gateway.demo.broker --port N`` is the amqtt child: it ends when its stdin is closed, so
it cannot outlive the process that started it.
"""

import argparse
import asyncio
import logging
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Literal, Self

from gateway.errors import BrokerError

HOST: Final = "127.0.0.1"
ATTEMPTS: Final = 3
"""Another program may take a free port before the broker does."""
START_S: Final = 15.0
SETTINGS: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 100000
queue_qos0_messages true
"""


class DemoBroker:
    """A running broker, for as long as the ``with`` block lasts."""

    def __init__(self, kind: Literal["auto", "mosquitto", "amqtt"] = "auto") -> None:
        """``auto`` takes mosquitto when it is there."""
        found = mosquitto()
        if kind == "mosquitto" and found is None:
            raise BrokerError("mosquitto is not installed")
        self.kind = kind if kind != "auto" else "mosquitto" if found else "amqtt"
        self.host = HOST
        self.port = 0
        self._program = found or ""
        self._folder: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="edge-gateway-broker-")
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._process = subprocess.Popen(  # noqa: S603  # our own words only
                self._command(Path(self._folder.name)),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._listens(self._process):
                return self
            self._end()
        self._folder.cleanup()
        raise BrokerError(f"{self.kind} does not start")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()
        if self._folder is not None:
            self._folder.cleanup()

    def _command(self, folder: Path) -> list[str]:
        if self.kind == "amqtt":
            return [sys.executable, "-m", "gateway.demo.broker", "--port", str(self.port)]
        file = folder / "mosquitto.conf"
        file.write_text(SETTINGS.format(port=self.port), "utf-8")
        return [self._program, "-c", str(file)]

    def _listens(self, process: "subprocess.Popen[bytes]") -> bool:
        until = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def mosquitto() -> str | None:
    """Where mosquitto is; Debian puts it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/sbin"
    )


def free_port() -> int:
    """A loopback port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def serve(port: int) -> None:
    """Run amqtt until stdin is closed."""
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {}},
        }
    )
    await broker.start()
    await asyncio.to_thread(sys.stdin.buffer.read)
    await broker.shutdown()


def main() -> None:
    """The child process."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.broker")
    parser.add_argument("--port", type=int, required=True)
    logging.disable(logging.ERROR)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
