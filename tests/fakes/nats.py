"""A real nats-server with JetStream, which can be killed and started again on the same port."""

import asyncio
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/sbin")


class Nats:
    """One server on loopback."""

    def __init__(self, folder: Path, *lines: str, jetstream: str = "") -> None:
        """``{folder}`` in a line is the server's own; nothing is started yet."""
        self.port = free_port()
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._file = folder / "nats.conf"
        own = [
            f"listen: 127.0.0.1:{self.port}",
            f'jetstream {{ store_dir: "{folder}", {jetstream} }}',
        ]
        self._file.write_text("\n".join([*own, *lines]).replace("{folder}", str(folder)) + "\n")

    def start(self) -> "Nats":
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", str(self._file)], stdout=log, stderr=log
            )
        wait_until(self._listens, f"nats-server listens, see {self.folder}/log")
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self, *, on: bool) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
        stat = Path(f"/proc/{self._process.pid}/stat")
        wait_until(lambda: (stat.read_text().rsplit(")", 1)[1].split()[0] == "T") is on, "frozen")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            return probe.recv(4) == b"INFO"


def every_message(port: int, stream: str) -> list[bytes]:
    """What a stream of JetStream holds, in its order."""

    async def read() -> list[bytes]:
        import nats

        client = await nats.connect(f"nats://127.0.0.1:{port}")
        context = client.jetstream(timeout=30)
        count = (await context.stream_info(stream)).state.messages
        reader = await context.pull_subscribe("", durable=None, stream=stream)
        found: list[bytes] = []
        while len(found) < count:
            batch = await reader.fetch(min(100, count - len(found)), timeout=30)
            for message in batch:
                found.append(message.data)
                await message.ack()
        await client.close()
        return found

    return asyncio.run(read())
