"""Loading: packages into the worker, and what it has of them."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import structlog

from gateway.adapters.worker import Loaded, Worker
from gateway.daemon.berths import Berths
from gateway.daemon.listener import Listener
from gateway.errors import ModelError, PackageError
from gateway.models.package import Package

log = structlog.get_logger()


class Loading:
    """The packages of one worker."""

    def __init__(self, worker: Worker, pool: ThreadPoolExecutor, listener: Listener) -> None:
        """Nothing is loaded."""
        self.berths = Berths()
        self._worker = worker
        self._pool = pool
        self._listener = listener
        self._news = asyncio.Event()
        """Something was loaded."""

    async def load(self, name: str) -> None:
        """Load one package, or refuse it for ever.

        Raises:
            WorkerError: it killed the worker.
        """
        package, began = self.berths.packages[name], time.monotonic()
        try:
            loaded = await self._from(name, package)
        except PackageError as error:
            self._refuse(name, str(error))
        else:
            self.berths.taken.add(name)
            self._news.set()
            told = {"sha256": loaded.sha256, "rss_bytes": self._worker.rss_bytes}
            took_ms = round((time.monotonic() - began) * 1000, 1)
            if "@" in name:  # a version of one of the file's models
                log.info("model_loaded", model=name, took_ms=took_ms, **told)
            else:
                log.debug("resident_loaded", model=name, took_ms=took_ms)
            self._listener.loaded(name)

    async def _from(self, name: str, package: Package) -> Loaded:
        """From where the user has it; from our copy, when it is no longer what was checked."""
        run, load = asyncio.get_running_loop().run_in_executor, self._worker.load
        given = (package.trust, package.seal)
        try:
            return await run(self._pool, load, name, package.path, *given)
        except PackageError:
            if package.copy is None or package.copy == package.path:
                raise
            return await run(self._pool, load, name, package.copy, *given)

    def _refuse(self, name: str, why: str) -> None:
        log.error("model_refused", model=name, error=why)
        self.berths.refuse(name, why)
        self._listener.refused(name, why)

    def strike(self, name: str, error: ModelError) -> None:
        """It killed the worker while it was loaded: once more, or never again."""
        self._listener.killed([name], str(error))
        why = self.berths.strike(name, str(error))
        if why:
            self._refuse(name, why)

    async def has(self, name: str) -> None:
        """Wait until the worker has it."""
        while name not in self.berths.taken:
            self._news.clear()
            await self._news.wait()
