"""A broker, a disk to count on, and the load; everything ends with its ``with`` block."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scripts.benchmark import meters

ROOT = Path(__file__).parents[2]
DISK_BYTES = 2 * 1024**3
PATIENCE_S = 120.0

BROKER = """
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 1000000
max_inflight_messages 1000
set_tcp_nodelay true
"""
"""As many messages in flight as config/mosquitto.conf recommends, but no end of the queue: the
flood waits in it."""


class Disk:
    """Where the databases are; ``device`` is empty where a loop device cannot be made."""

    def __init__(self, path: Path, device: str) -> None:
        self.path, self.device = path, device

    def written(self) -> float:
        """Bytes given to the device so far, once everything has been given to it."""
        subprocess.run(["sync", "-f", str(self.path)], check=True)
        return meters.device_bytes(self.device) if self.device else 0.0

    def folder(self) -> Path:
        """A new one."""
        return Path(tempfile.mkdtemp(dir=self.path))


@contextmanager
def disk() -> Iterator[Disk]:
    """An ext4 file system of its own, so that its device counts nobody else's bytes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        image, path = Path(name) / "image", Path(name) / "disk"
        path.mkdir()
        image.touch()
        os.truncate(image, DISK_BYTES)
        device = _mount(image, path) if os.geteuid() == 0 else ""
        try:
            yield Disk(path, device)
        finally:
            if device:
                subprocess.run(["umount", str(path)], check=True)


def _mount(image: Path, path: Path) -> str:
    """The name of the loop device; empty where this machine has none to give."""
    eager = "lazy_itable_init=0,lazy_journal_init=0"
    make = ["mkfs.ext4", "-q", "-E", eager, str(image)]
    mount = ["mount", "-o", "loop", str(image), str(path)]
    with suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(make, check=True, capture_output=True)
        subprocess.run(mount, check=True, capture_output=True)
        find = ["findmnt", "-no", "SOURCE", str(path)]
        found = subprocess.run(find, check=True, capture_output=True, text=True)
        return Path(found.stdout.strip()).name
    return ""


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A mosquitto; its port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        sys.exit("bench: needs mosquitto and mosquitto-clients")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file = folder / "mosquitto.conf"
    file.write_text(BROKER.format(port=port))
    process = subprocess.Popen([program, "-c", str(file)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the broker")
        yield port
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], object], what: str, every_s: float = 0.01) -> None:
    """Wait for something that must happen.

    Raises:
        TimeoutError: it did not.
    """
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {PATIENCE_S:.0f} s")
        time.sleep(every_s)


def load(
    port: int, first: int, count: int, rate: float | None = None, overload: str = "now"
) -> dict[str, Any]:
    """Publish messages ``first`` to ``first + count``; what the publisher says of it."""
    paced = ["--rate", str(rate), "--overload", overload] if rate else []
    words = ["scripts.benchmark.load", str(port), str(first), str(count), *paced]
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said
