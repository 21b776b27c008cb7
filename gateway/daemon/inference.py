"""Inference: the worker process, asked from one thread, restarted with back-off, never waited for.

Ingest does not depend on it. While it is away every model abstains with the reason, and the ladder
goes on to its next rung.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import structlog

from gateway.adapters.worker import Job, Worker, WorkerSettings
from gateway.core.ladder import Question
from gateway.daemon.opening import Packages
from gateway.errors import ModelError, PackageError, WorkerError

RESTART_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before restarts in a row; the first few bring it back within 10 s."""
STEADY_S: Final = 60.0
"""A worker that lived this long starts again from the first wait."""

log = structlog.get_logger()


class Inference:
    """The models of a site."""

    def __init__(self, packages: Packages, settings: WorkerSettings) -> None:
        """Nothing is started yet."""
        self._packages, self._unfit = packages
        self._worker = Worker(settings)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._down = asyncio.Event()
        self._wanted = asyncio.Event()
        self.state = "starting" if packages.good else "off"
        self._refused: dict[str, str] = {}
        """Models the worker would not load, and why."""
        self._closed = False
        self.restarts = 0
        self.first = asyncio.Event()
        """The first start has ended, well or not."""

    @property
    def refused(self) -> Mapping[str, str]:
        """Models that are out, and why."""
        return {**self._unfit, **self._refused}

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the worker; 0 while it is away."""
        return self._worker.rss_bytes if self.state == "running" else 0

    async def judge(self, questions: Sequence[Question], deadline_s: float) -> list[float | str]:
        """One score per question, or why there is none."""
        if self.state != "running":
            return [f"worker {self.state}"] * len(questions)
        jobs = [Job(q.model, q.asset, q.values, q.rows, q.columns) for q in questions]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._pool, self._worker.judge, jobs, deadline_s)
        except WorkerError as error:
            self._lost(error)
            return [str(error)] * len(questions)
        return [
            answer.score if answer.score is not None else answer.error or "no score"
            for answer in answers
        ]

    def _lost(self, error: WorkerError) -> None:
        if self.state == "running":
            self.state = "down"
            log.error("worker_lost", error=str(error))
            self._down.set()

    async def run(self) -> None:
        """Start the worker, and again whenever it is lost."""
        attempt = 0
        while not self._closed:
            if not self._packages:
                self.state = "off"
                self.first.set()
                self._wanted.clear()
                await self._wanted.wait()
            started = time.monotonic()
            if await self._start():
                self.first.set()
                await self._alive()
                self.restarts += 1
            self.first.set()
            if time.monotonic() - started > STEADY_S:
                attempt = 0
            await asyncio.sleep(RESTART_S[min(attempt, len(RESTART_S) - 1)])
            attempt += 1

    async def _alive(self) -> None:
        """Wait until the worker is lost; one that dies between two questions is noticed too."""
        loop = asyncio.get_running_loop()
        while not self._down.is_set():
            try:
                async with asyncio.timeout(1.0):
                    await self._down.wait()
            except TimeoutError:
                if not self._worker.running:
                    self._lost(WorkerError("the worker died"))
        await loop.run_in_executor(self._pool, self._worker.stop)

    async def _start(self) -> bool:
        self._down.clear()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._pool, self._load_all)
        except ModelError as error:
            log.error("worker_start_failed", error=str(error))
            self.state = "down"
            await loop.run_in_executor(self._pool, self._worker.stop)
            return False
        self.state = "running"
        log.info("worker_started", models=sorted(set(self._packages) - set(self._refused)))
        return True

    async def replace(self, packages: Packages) -> None:
        """Run these packages from now on; the worker starts anew when they differ."""
        same = {name: package.hashes for name, package in self._packages.items()} == {
            name: package.hashes for name, package in packages.good.items()
        }
        self._packages, self._unfit = packages
        if not same:
            self._refused.clear()
            self.state = "starting"
            self._wanted.set()
            self._down.set()

    def _load_all(self) -> None:
        self._worker.start()
        for name, package in self._packages.items():
            try:
                self._worker.load(name, package.path, package.trust)
            except PackageError as error:
                if self._refused.get(name) != str(error):
                    log.error("model_refused", model=name, error=str(error))
                self._refused[name] = str(error)
            else:
                self._refused.pop(name, None)

    async def close(self) -> None:
        """End the worker at once: it may hang, and has nothing to save."""
        self._closed, self.state = True, "off"
        pid = self._worker.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, self._worker.stop)
        self._pool.shutdown(wait=False)
