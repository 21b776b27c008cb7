"""A real mosquitto for whoever asks for one; what it needs and how to hurt it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
    """Look again and again until something is true, for as long as the deadline allows."""
    until = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"waited {deadline_s} s: {what}")
        time.sleep(0.005)


class Mosquitto:
    """One broker process on loopback that can be killed and started again on the same port."""

    def __init__(self, folder: Path, *lines: str, listener: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self.host = "127.0.0.1"
        self.folder = folder
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        settings = [f"listener {self.port} 127.0.0.1", *listener, *lines]
        if not any(line.startswith("allow_anonymous") for line in settings):
            settings.append("allow_anonymous true")
        if not any(line.startswith("max_queued_messages") for line in settings):
            settings.append("max_queued_messages 100000")
        self._file = folder / "mosquitto.conf"
        self._file.write_text("\n".join(settings) + "\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        assert MOSQUITTO is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._file)], stdout=log, stderr=log
            )
        wait_until(self._listens, f"mosquitto listens; its log: {self.log.read_text()}")

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
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


def _needed() -> None:
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker that the whole run shares: leave it running, use your own topics and client ids."""
    _needed()
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Brokers of one's own, with more lines of configuration; not started yet."""
    _needed()
    made: list[Mosquitto] = []

    def make(*lines: str, listener: tuple[str, ...] = ()) -> Mosquitto:
        made.append(Mosquitto(tmp_path_factory.mktemp("mosquitto"), *lines, listener=listener))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
