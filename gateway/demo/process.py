"""The real daemon as a real process: started on a file, stopped, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_S = 6.0
"""SIGTERM drains the daemon in under five seconds."""


class Daemon:
    """``python -m gateway run --config FILE`` in a process group of its own.

    A group of its own, so that Ctrl-C in a terminal reaches the demo alone, which then stops the
    daemon in an orderly way, and so that its worker process can never outlive it.
    """

    def __init__(self, config: Path, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program on our own file
                [sys.executable, "-m", "gateway", "run", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Nothing but the demo reads its times, and it reads the same clock.
                env=os.environ | {"EDGE_GATEWAY_TRUST_CLOCK": "1"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> int:
        """Ask it to end, wait, and kill what is left of its group; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
        return self._process.wait()

    def tail(self, lines: int = 30) -> Sequence[str]:
        """The end of its log."""
        return self.log.read_text(errors="replace").splitlines()[-lines:]

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nobody is left
