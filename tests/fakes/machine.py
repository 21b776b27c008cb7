"""A machine of its own: a real systemd, booted by systemd-nspawn over an overlay of our root.

What is installed, enabled or broken there is gone with it. Needs root; takes about five seconds.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.waiting import wait_until

WISHED = "EDGE_GATEWAY_TEST_MACHINE"
BOOT_S = 60.0
ASLEEP = (
    "getty@tty1 console-getty systemd-networkd systemd-resolved ssh mosquitto apt-daily.timer "
    "apt-daily-upgrade.timer"
)


def needed() -> None:
    """Skip, and say what is missing."""
    if not os.environ.get(WISHED):
        pytest.skip(f"needs {WISHED}=1 (boots a systemd of its own, takes minutes)")
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("needs root and systemd-nspawn")


class Machine:
    """Booted by ``start``, gone after ``stop``."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is ours, on a file system that takes overlays."""
        self._folder = folder
        self.root = folder / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Mount and boot."""
        layers = self._folder / "layers"
        for one in (self.root, layers):
            one.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", str(layers))
        for one in ("upper", "work"):
            (layers / one).mkdir()
        options = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        for name in ASLEEP.split():
            unit = name if "." in name else f"{name}.service"
            (self.root / "etc/systemd/system" / unit).unlink(missing_ok=True)
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        with (self._folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [
                    *("systemd-nspawn", "-q", "-D", str(self.root), "-b", "--register=no"),
                    *("--keep-unit", "--private-network", "--link-journal=no"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        wait_until(self._up, "it boots", BOOT_S)

    def stop(self) -> None:
        """End it, whatever runs there, and take the mounts off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for one in (self.root, self._folder / "layers"):
            subprocess.run(["umount", "-l", str(one)], check=False, capture_output=True)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in there, as root."""
        inside = ("nsenter", "-t", str(self._init()), "-m", "-u", "-i", "-n", "-p", "-C", "--")
        home = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8")
        done = subprocess.run(
            [*inside, *home, *words], capture_output=True, text=True, check=False, cwd="/"
        )
        if check and done.returncode:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def says(self, *words: str) -> str:
        """What a command there prints, whether it fails or not."""
        return self.run(*words, check=False).stdout.strip()

    def _init(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    def _up(self) -> bool:
        try:
            state = self.says("systemctl", "is-system-running")
        except (IndexError, OSError):
            return False
        return state in ("running", "degraded")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
