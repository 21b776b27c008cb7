"""A root of its own without a machine: an overlay of ours, in which programs run by chroot(8).

What is installed there is gone with it, and no systemd runs. Needs root and a kernel that lets it
mount overlays.
"""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest


class RootFs:
    """There for as long as the ``with`` block lasts."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is ours."""
        self._layers = folder / "layers"
        self.root = folder / "root"

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("needs root")
        for one in (self._layers, self.root):
            one.mkdir()
        try:
            _run("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(self._layers))
            upper, work = self._layers / "upper", self._layers / "work"
            upper.mkdir()
            work.mkdir()
            options = f"lowerdir=/,upperdir={upper},workdir={work}"
            _run("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
            for one in ("dev", "proc"):
                _run("mount", "--bind", f"/{one}", str(self.root / one))
        except subprocess.CalledProcessError as error:
            self._leave()
            pytest.skip(f"needs overlays: {error.stderr}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        for one in (self.root / "dev", self.root / "proc", self.root, self._layers):
            subprocess.run(["umount", "-l", str(one)], check=False, capture_output=True)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in there."""
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        command = ["chroot", str(self.root), "/usr/bin/env", "-i", f"PATH={path}", "HOME=/root"]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)
