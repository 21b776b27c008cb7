"""A process of ``gateway.web`` without a daemon: the test stands at the other end of its wire."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Wired:
    """Lines go to it and come from it; when its wire ends, it ends."""

    def launch(self, module: str, line: bytes) -> None:
        """Start it and tell it its first line; its answer is not waited for."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.stderr = self.process.stderr
        self.write(line)

    def write(self, line: bytes) -> None:
        self.stdin.write(line)
        self.stdin.flush()

    def hang_up(self) -> int:
        """Its exit code."""
        self.stdin.close()
        return self.process.wait(10)

    def complaints(self) -> str:
        """What it wrote to standard error, once it has ended and nobody reads it any more."""
        said = self.stderr.read().decode()
        self.stdout.close()
        self.stderr.close()
        return said
