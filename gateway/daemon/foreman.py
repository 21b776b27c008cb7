"""The foreman: the worker of a daemon, and the one thread that starts and asks it.

The thread must outlive the worker, which the kernel ends with the thread that started it (prctl(2),
PR_SET_PDEATHSIG).
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from gateway.adapters.worker import Worker, WorkerSettings
from gateway.errors import WorkerError
from gateway.models.package import Package


class Foreman:
    """One worker."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Nothing is started."""
        self.worker = Worker(settings)
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="inference")

    def begin(self) -> Self:
        """Let the worker come up meanwhile; who wants it then waits the less."""
        self.pool.submit(self._begin)
        return self

    def _begin(self) -> None:
        with suppress(WorkerError):  # whoever starts it will hear the same
            self.worker.begin()

    def outgrown(self, packages: Mapping[str, Package]) -> bool:
        """Whether it must start anew for these: it is shut in, and checks no signatures."""
        wanting = not self.worker.signed and any(one.trust for one in packages.values())
        self.worker.signed |= wanting
        return wanting

    async def close(self) -> None:
        """End the worker at once: it may hang, and has nothing to save."""
        pid = self.worker.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(RuntimeError):  # it was closed before
            await asyncio.get_running_loop().run_in_executor(self.pool, self.worker.stop)
        self.pool.shutdown(wait=False)
