"""Ends an inference that takes too long, from inside the worker.

``RunOptions.terminate`` is looked at between two nodes of a graph: it ends a slow model but not a
slow kernel. For that, and for everything else, the daemon kills the worker at its own deadline.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Run(Protocol):
    """What ``onnxruntime.RunOptions`` offers."""

    terminate: bool


class Watchdog:
    """One thread that sleeps until the earliest deadline; it costs nothing between inferences."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._run: tuple[Run, float] | None = None
        self._wakes_at = float("inf")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def guard(self, run: Run, deadline: float) -> Iterator[None]:
        """Set ``run.terminate`` at ``deadline`` (``time.monotonic``), unless the block ends."""
        with self._changed:
            self._run = (run, deadline)
            if deadline < self._wakes_at:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._run = None

    def _watch(self) -> None:
        with self._changed:
            while True:
                left = None
                if self._run is not None:
                    run, deadline = self._run
                    left = deadline - time.monotonic()
                    if left <= 0:
                        run.terminate, self._run, left = True, None, None
                self._wakes_at = float("inf") if left is None else time.monotonic() + left
                self._changed.wait(left)
