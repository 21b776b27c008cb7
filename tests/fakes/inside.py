"""The daemon inside the test's own process, on clocks that the test sets."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway import config
from gateway.config.settings import Settings
from gateway.daemon.app import Daemon
from tests.fakes.records import Records

TRUE_MS = 1_795_000_000_000
"""The true time when a test begins: November 2026."""


class Clocks:
    """Clocks that run at the real speed and can be set."""

    def __init__(self, *, wall_ms: int = TRUE_MS, right: bool = True, boot: str = "boot-1") -> None:
        self.boot = boot
        self.right = right
        self._start = time.monotonic_ns() // 1_000_000
        self._wall_ms = wall_ms
        self._ahead_ms = 0

    def run_ms(self) -> int:
        """Since it was made."""
        return time.monotonic_ns() // 1_000_000 - self._start + self._ahead_ms

    def now_ms(self) -> int:
        return self._wall_ms + self.run_ms()

    def mono_ms(self) -> int:
        return 10_000_000 + self.run_ms()

    def ok(self) -> bool:
        return self.right

    def set(self, wall_ms: int, *, right: bool) -> None:
        """Set the wall clock."""
        self._wall_ms, self.right = wall_ms - self.run_ms(), right

    def true_ms(self) -> int:
        """What a right wall clock would say."""
        return TRUE_MS + self.run_ms()

    def synchronise(self) -> None:
        """The network tells the time."""
        self.set(self.true_ms(), right=True)

    def pass_ms(self, duration_ms: int) -> None:
        """Time passes, on all clocks."""
        self._ahead_ms += duration_ms


class Inside(Records):
    """A daemon on a thread of this process."""

    def __init__(
        self, file: Path, clock: Clocks, read: Callable[[Path], Settings] = config.load
    ) -> None:
        self.folder = file.parent
        self._settings = read(file)
        self._clock = clock
        self._thread = threading.Thread(target=self._run)
        self._made = threading.Event()
        self.failure: BaseException | None = None
        self.daemon: Daemon | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._made.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self.failure is not None and error is None:
            raise self.failure

    def stop(self) -> None:
        """End it as SIGTERM would."""
        if self._thread.is_alive():
            assert self.daemon is not None
            self._loop.call_soon_threadsafe(self.daemon.stop.set)
        self._thread.join(15)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # told to the test's own thread
            self.failure = error
        finally:
            self._made.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.daemon = Daemon(self._settings, self._clock)
        self._made.set()
        await self.daemon.run()


def inside(folder: Path, text: str, clock: Clocks | None = None) -> Inside:
    """The daemon with a ``gateway.yaml`` of this text; it starts sooner than a process does."""
    file = folder / "gateway.yaml"
    file.write_text(text)
    return Inside(file, clock or Clocks())
