"""The daemon's side of the inference worker: start, load, judge, stop.

Models run in a child process so that a model that crashes, hangs or eats memory costs one process
and no reading. Imports neither numpy nor onnxruntime.
"""

import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from gateway.adapters.answers import UNFIT, Answer, Explained, Job, answers, explained
from gateway.adapters.child import Child
from gateway.adapters.handing import opened
from gateway.adapters.processes import environment, resident_bytes
from gateway.core.frames import Frame, encode
from gateway.errors import PackageError, WorkerError

__all__ = ["Answer", "Explained", "Job", "Loaded", "Worker", "WorkerSettings"]

SAID: Final = {
    "ORT_DISABLE_TELEMETRY": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "1000000",  # fixed, or glibc keeps what a load has taken
}
"""In its environment: one thread, no reports to anybody."""
SHARE: Final = 0.8
"""Of a deadline the worker itself takes this much; then it ends the run and can still say so."""
STOP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the worker may take."""

    memory_bytes: int = 268_435_456
    """Address space for models, beyond what onnxruntime itself takes."""
    niceness: int = 5
    start_s: float = 15.0
    """A Pi 4 imports onnxruntime in about 2 s."""
    load_s: float = 10.0
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "gateway.models.worker")
    """The program; it is given descriptor, parent, memory and niceness."""


class Loaded(NamedTuple):
    """A model that has reproduced its golden vectors."""

    name: str
    version: str
    sha256: str


class Worker:
    """The inference worker of this daemon; blocking, for one thread that outlives it.

    After a WorkerError nothing runs any more: ``start`` begins anew, with no model loaded. The
    properties may be read from any thread.
    """

    def __init__(self, settings: WorkerSettings | None = None) -> None:
        self._settings = settings or WorkerSettings()
        self._child: Child | None = None
        self._asked = 0
        self.confined: tuple[str, ...] = ()
        """By which means of the kernel it was shut in at its last start."""

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        child = self._child
        return child.pid if child is not None and child.running() else None

    @property
    def running(self) -> bool:
        """Whether the process is there; one that died since the last call is noticed here."""
        return self.pid is not None

    @property
    def rss_bytes(self) -> int:
        """Resident memory; 0 while it does not run."""
        pid = self.pid
        return resident_bytes(pid) if pid is not None else 0

    def start(self) -> str:
        """Start the process, ending one that still runs; returns the version of its runtime.

        Raises:
            WorkerError: it did not come up in ``start_s``, or has no onnxruntime that works.
        """
        self.stop()
        settings = self._settings
        words = ("{fd}", "{parent}", str(settings.memory_bytes), str(settings.niceness))
        self._child, self._asked = Child((*settings.command, *words), environment(**SAID)), 0
        ready = self._take(b"", settings.start_s).header
        if "missing" in ready:
            self.stop()
            raise WorkerError("died", f"no onnxruntime: {ready['missing']}")
        self.confined = tuple(map(str, ready.get("confined", ())))
        return str(ready.get("runtime", ""))

    def load(self, name: str, path: Path | str, trust: str = "", seal: str = "") -> Loaded:
        """Load a package under a name; one that is loaded under that name is replaced.

        ``trust`` is the public key (PEM) that must have signed it; empty: nobody need have.
        ``seal`` is the package's that must lie there; empty: any.

        Raises:
            PackageError: the package is refused; the worker lives on, and so does its predecessor.
            WorkerError: the package killed or hung the worker.
        """
        limit_s = self._settings.load_s
        place = Path(path).absolute()
        question: dict[str, object] = {"op": "load", "name": name, "path": str(place)}
        with opened(place) as files:  # the worker can open none
            question |= {"files": list(files), "trust": trust, "seal": seal}
            header = self._ask(question, b"", limit_s, tuple(files.values())).header
        if "refused" in header:
            raise PackageError(str(header["refused"]))
        return Loaded(name, str(header.get("version", "")), str(header.get("sha256", "")))

    def unload(self, name: str) -> None:
        """Forget a model; unknown names are fine.

        Raises:
            WorkerError: the worker is gone.
        """
        self._ask({"op": "unload", "name": name}, b"", self._settings.load_s)

    def judge(self, jobs: Sequence[Job], deadline_s: float) -> list[Answer]:
        """Judge windows, all of one model in one run; the answers are in the order of the jobs.

        Blocks for at most ``deadline_s`` and the second that killing takes.

        Raises:
            WorkerError: died, hung or garbage; no job has an answer.
        """
        groups: dict[tuple[str, int, int, int], list[int]] = {}
        for index, job in enumerate(jobs):
            if job.rows * job.columns == len(job.values):
                key = (job.model, job.rows, job.columns, len(job.state))
                groups.setdefault(key, []).append(index)
        told = [(model, len(group), *dims) for (model, *dims), group in groups.items()]
        block = bytearray()
        for group in groups.values():
            for index in group:
                block += memoryview(jobs[index].values).cast("B")
            for index in group:
                block += array("d", jobs[index].state).tobytes()
        frame = self._ask({"op": "judge", "groups": told}, block, deadline_s)
        found = [UNFIT] * len(jobs)
        try:
            for index, answer in answers(frame, list(groups.values())):
                found[index] = answer
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._garbage(f"an answer that does not add up: {error}") from error
        return found

    def explain(
        self, job: Job, baseline: Sequence[float | None], method: str, deadline_s: float
    ) -> Explained:
        """What each channel adds to the score of one window.

        Args:
            job: the window, as it was judged.
            baseline: per channel, or of signals per feature, what stands in for it; None: what is
                usual over the golden windows.
            method: ``occlusion``, ``residuals``, or ``auto``: residuals where the model has them.
            deadline_s: at most so long, and the second that killing takes.

        Raises:
            WorkerError: died, hung or garbage.
        """
        question: dict[str, object] = {"op": "explain", "model": job.model, "method": method}
        question |= {"rows": job.rows, "columns": job.columns, "baseline": list(baseline)}
        if job.rows * job.columns != len(job.values) or not baseline:
            return Explained("", (), (), UNFIT.error)
        frame = self._ask(question, bytes(memoryview(job.values).cast("B")), deadline_s)
        try:
            return explained(frame, len(baseline))
        except (KeyError, TypeError, ValueError) as error:
            raise self._garbage(f"an explanation that does not add up: {error}") from error

    def stop(self) -> None:
        """End the process: by closing its socket, by force after a second."""
        child, self._child = self._child, None
        if child is not None:
            child.hang_up(STOP_S)

    def _ask(
        self,
        question: Mapping[str, object],
        block: bytes | bytearray,
        limit_s: float,
        descriptors: Sequence[int] = (),
    ) -> Frame:
        self._asked += 1
        header = {**question, "seq": self._asked, "limit_s": limit_s * SHARE}
        return self._take(encode(header, block), limit_s, descriptors)

    def _take(self, frame: bytes, limit_s: float, descriptors: Sequence[int] = ()) -> Frame:
        """One exchange; whatever goes wrong, there is no child afterwards."""
        if self._child is None:
            raise WorkerError("stopped", "start it first")
        try:
            answer = self._child.ask(frame, limit_s, descriptors)
        except WorkerError:
            self._child = None
            raise
        if answer.header.get("seq") != self._asked:
            raise self._garbage("an answer to another question")
        return answer

    def _garbage(self, detail: str) -> WorkerError:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
        return WorkerError("garbage", detail)
