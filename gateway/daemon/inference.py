"""Inference: the worker process, asked from one thread, restarted with back-off, never waited for.

Ingest does not depend on it. While it is away every model abstains with the reason, and the ladder
goes on to its next rung. Active versions are loaded first and judge at once; candidates are loaded
after them, one by one, and judging never waits longer than for the one that is being loaded.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar, TypeVarTuple

import structlog

from gateway.adapters.worker import Answer, Explained, Job
from gateway.core.ladder import Question
from gateway.daemon.blame import Blame
from gateway.daemon.foreman import Foreman
from gateway.daemon.listener import Listener
from gateway.daemon.loading import Loading
from gateway.errors import ModelError, WorkerError
from gateway.models.package import Package

RESTART_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before restarts in a row; the first few bring it back within 10 s."""
STEADY_S: Final = 60.0
"""A worker that lived this long starts again from the first wait."""

log = structlog.get_logger()
Given = TypeVarTuple("Given")
Found = TypeVar("Found")


class Inference:
    """The models of a site."""

    def __init__(self, foreman: Foreman, listener: Listener) -> None:
        """Nothing is wanted yet."""
        self._listener = listener
        self._foreman = foreman
        self._worker, self._pool = foreman.worker, foreman.pool
        self._loading = Loading(self._worker, self._pool, listener)
        self._berths = self._loading.berths
        self._blame = Blame(listener)
        self._inexplicable = Blame()
        """Whose scores cost the worker when they are explained."""
        self._down = asyncio.Event()
        self._wanted = asyncio.Event()
        self.state = "off"
        self._closed = False
        self.resident: Mapping[str, Package] = {}
        """Our own, beside the site's; set before the first ``want``."""
        self.failed = ""
        """Why it did not start the last time."""
        self.timed: Callable[[float], None] = lambda _took_s: None
        self.took_ms = 0.0
        """How long the last answer took."""
        self.restarts = 0
        self.first = asyncio.Event()
        """The first start has ended, well or not."""

    @property
    def refused(self) -> Mapping[str, str]:
        """Models that are out, and why; a candidate that is out is none of them."""
        return {**self._blame.out(self._berths.names), **self._berths.refused}

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the worker; 0 while it is away."""
        return self._worker.rss_bytes if self.state == "running" else 0

    async def judge(self, questions: Sequence[Question], deadline_s: float) -> list[float | str]:
        """One score per question, or why there is none.

        One call to the worker; more of them, each with the deadline, while one of the models is
        suspected of having taken the worker with it.
        """
        jobs = [self._job(question) for question in questions]
        names = [job.model for job in jobs]
        found: list[float | str] = [self._blame.resting(name) for name in names]
        self.took_ms = 0.0
        for call in self._blame.calls(names):
            answers = await self._judged([jobs[place] for place in call], deadline_s)
            for place, one in zip(call, answers, strict=True):
                asked = questions[place]
                said = (
                    one if isinstance(one, str) else asked.heard(one.score, one.outputs, one.error)
                )
                found[place] = said
        return found

    async def _judged(self, jobs: Sequence[Job], deadline_s: float) -> Sequence[Answer | str]:
        """One call; all of it fails together."""
        if self.state != "running":
            return [f"worker {self.state}"] * len(jobs)
        names = {job.model for job in jobs}
        running, began = self._worker.running, time.monotonic()
        try:
            answers = await self._blocking(self._worker.judge, jobs, deadline_s)
        except WorkerError as error:
            self._lost(error, names if running else ())
            return [str(error)] * len(jobs)
        self.timed(took_s := time.monotonic() - began)
        self.took_ms += took_s * 1000
        self._blame.answered(names)
        return answers

    async def explain(
        self, question: Question, baseline: Sequence[float | None], method: str, limit_s: float
    ) -> Explained | str:
        """What each channel adds to a score, or why that is not known."""
        job = self._job(question)
        why = self._inexplicable.resting(job.model)
        if why or self.state != "running":
            return why or f"worker {self.state}"
        running = self._worker.running
        try:
            found = await self._blocking(self._worker.explain, job, baseline, method, limit_s)
        except WorkerError as error:
            self._lost(error, [job.model] if running else (), self._inexplicable)
            return str(error)
        return found if found.error is None else found.error

    def _job(self, question: Question) -> Job:
        """A model is asked under the name of its active version."""
        job = Job(*question[:5], question.state)
        return job._replace(model=self._berths.names.get(job.model, job.model))

    def _lost(
        self, error: WorkerError, asked: Collection[str] = (), among: Blame | None = None
    ) -> None:
        """The worker is gone; whoever was asked alone is to blame for it."""
        if self.state == "running":
            self.state = "down"
            log.error("worker_lost", error=str(error), asked=sorted(asked))
            self._down.set()
            self._wanted.set()
            (among or self._blame).lost(asked, str(error))

    async def _blocking(self, call: Callable[[*Given], Found], *given: *Given) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *given)

    async def run(self) -> None:
        """Start the worker, and again whenever it is lost."""
        attempt = 0
        while not self._closed:
            while not self._berths.packages:
                self.state = "off"
                self.first.set()
                await self._blocking(self._worker.stop)  # it may have begun before it was asked for
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
        """Wait until the worker is lost, loading and unloading what is (no longer) wanted."""
        while not self._down.is_set():
            self._wanted.clear()
            await self._exchange()
            if self._down.is_set():
                break
            try:
                async with asyncio.timeout(1.0):
                    await self._wanted.wait()
            except TimeoutError:
                if not self._worker.running:  # it died between two questions
                    self._lost(WorkerError("died", "between two questions"))
        if self.state == "running":  # it was outgrown
            self.state = "down"
        await self._blocking(self._worker.stop)

    async def _start(self) -> bool:
        """Start the worker with the active versions."""
        self._down.clear()
        self._berths.taken.clear()
        name = ""
        try:
            await self._blocking(self._worker.start)
            for name in self._berths.first():
                await self._loading.load(name)
        except ModelError as error:
            if str(error) != self.failed:  # a missing onnxruntime stays missing
                log.error("worker_start_failed", error=str(error), loading=name)
            self.failed = str(error)
            self.state = "down"
            if name:
                self._loading.strike(name, error)
            await self._blocking(self._worker.stop)
            return False
        self.state, self.failed = "running", ""
        told = {"loaded": sorted(self._berths.taken), "confined": self._worker.confined}
        log.info("worker_started", models=sorted(self._berths.names), **told)
        return True

    async def _exchange(self) -> None:
        """Load what is wanted, one at a time, active versions first; then unload the rest."""
        while not self._down.is_set() and (missing := self._berths.missing()):
            try:
                await self._loading.load(missing[0])
            except WorkerError as error:
                self._lost(error)
                self._loading.strike(missing[0], error)
                return
        for name in self._berths.surplus():
            self._berths.taken.discard(name)
            try:
                await self._blocking(self._worker.unload, name)
            except WorkerError as error:
                self._lost(error)
                return

    def loaded(self, name: str) -> bool:
        """The worker has a package of this name."""
        return name in self._berths.taken

    async def has(self, name: str) -> None:
        """Wait until the worker has it."""
        await self._loading.has(name)

    def want(
        self, packages: Mapping[str, Package], names: Mapping[str, str], unfit: Mapping[str, str]
    ) -> None:
        """Run these packages from now on, as ``Berths.want`` has it; nothing stops for it."""
        packages = {**packages, **self.resident}
        names = {**names, **dict(zip(self.resident, self.resident, strict=True))}
        self._berths.want(packages, names, unfit)
        self._blame.keep(packages)
        self._inexplicable.keep(packages)
        if self._foreman.outgrown(packages):
            self._down.set()
        if packages and self.state == "off" and not self._closed:
            self.state = "starting"
        self._wanted.set()

    async def close(self) -> None:
        """End the worker at once: it may hang, and has nothing to save."""
        self._closed, self.state = True, "off"
        await self._foreman.close()
