"""One loaded model: checked bytes, an onnxruntime session, golden vectors reproduced.

The only file that imports onnxruntime; only the worker process imports this file.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

os.environ.update(
    ORT_DISABLE_TELEMETRY="1",  # from 1.29 the official wheels report home unless this is set first
    OPENBLAS_NUM_THREADS="1",
    OMP_NUM_THREADS="1",
)

import numpy as np  # the environment comes first
import numpy.ma  # np.median imports it, when no file can be read any more
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from gateway.errors import PackageError
from gateway.models import golden
from gateway.models.contract import Output
from gateway.models.features.compute import compute
from gateway.models.files import MODEL, refused
from gateway.models.fit import FLOATS
from gateway.models.package import Package
from gateway.models.watchdog import Watchdog

np.seterr(over="ignore")  # what float32 cannot hold becomes infinite, and is refused as that
RUNTIME: Final = str(ort.__version__)
Floats = npt.NDArray[np.float64]

RUNTIME_ERRORS: Final[tuple[type[Exception], ...]] = (
    *(
        kind
        for kind in vars(state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    *(MemoryError, RuntimeError, ValueError),
)
NO_INPUT: Final = "non-finite input"
NO_OUTPUT: Final = "non-finite output"
FATAL: Final = 4
"""Log severity: what matters comes back as an exception."""


class RunError(Exception):
    """The model did not answer; the message says why."""


class Judged(NamedTuple):
    """What a model said of a batch of n windows."""

    scores: Floats
    """n; NaN where refused."""
    outputs: Sequence[Floats]
    """Per output of the manifest: n x width; NaN where refused."""
    refused: Mapping[int, str]
    """Position in the batch -> why there is no answer."""


class Session:
    """A model that has reproduced its golden vectors."""

    def __init__(
        self, package: Package, contents: Mapping[str, bytes], watchdog: Watchdog, deadline: float
    ) -> None:
        """Load the bytes that were checked, never the path.

        Args:
            package: as ``package.unpack`` returned it.
            contents: the bytes of its files.
            watchdog: ends a run that takes too long.
            deadline: when the golden run must have ended, ``time.monotonic``.

        Raises:
            PackageError: the runtime refuses the model, or it does not reproduce its vectors.
        """
        self.package = package
        self._watchdog = watchdog
        manifest = package.manifest
        self._input = manifest.input
        self._outputs = manifest.answers
        self._names = [output.tensor for output in manifest.answers]
        types = {tensor.name: tensor.dtype for tensor in package.graph.inputs}
        self._dtype = np.dtype(FLOATS[types[manifest.input.tensor]])
        self._memories = [(one, np.dtype(FLOATS[types[one.input]])) for one in manifest.memories]
        try:
            self._session = ort.InferenceSession(
                contents[MODEL], _options(), providers=["CPUExecutionProvider"]
            )
        except RUNTIME_ERRORS as error:
            raise refused(
                MODEL, "", "a model onnxruntime loads", _said(error), _advice(error)
            ) from error
        self._prove(golden.parse(contents[manifest.golden.file], manifest), deadline)

    def judge(self, windows: Floats, deadline: float, states: Floats | None = None) -> Judged:
        """Judge n windows in one run.

        Args:
            windows: n x rows x channels, float64.
            deadline: ``time.monotonic`` at which the run is ended.
            states: n x size of the carried state; None: zeros.

        Raises:
            RunError: the model failed on the batch as a whole.
        """
        return self.judge_features(self.features(windows), deadline, states)

    def judge_features(
        self, batch: npt.NDArray[Any], deadline: float, states: Floats | None = None
    ) -> Judged:
        """Judge what ``features`` made of n windows, or something like it.

        Raises:
            RunError: the model failed on the batch as a whole.
        """
        if states is None:
            states = np.zeros((len(batch), sum(one.size for one, _ in self._memories)))
        if np.isfinite(batch).all() and np.isfinite(states).all():
            return self._judged(self._run(batch, states, deadline), {})
        good = np.isfinite(batch).reshape(len(batch), -1).all(axis=1)
        good &= np.isfinite(states).all(axis=1)
        outputs = [np.full((len(batch), self._width(out)), np.nan) for out in self._outputs]
        if good.any():
            for whole, part in zip(
                outputs, self._run(batch[good], states[good], deadline), strict=True
            ):
                whole[good] = part
        return self._judged(outputs, dict.fromkeys(np.flatnonzero(~good).tolist(), NO_INPUT))

    def features(self, windows: Floats) -> npt.NDArray[Any]:
        """What the graph is given for n windows."""
        wanted = self._input
        found = compute(wanted.features, windows, wanted.channels, wanted.vibration)
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused as not finite
            return found.astype(self._dtype).reshape(len(windows), *wanted.dims)

    def _judged(self, outputs: Sequence[Floats], why: dict[int, str]) -> Judged:
        for values in outputs:
            if not np.isfinite(values).all():
                for index in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
                    why.setdefault(index, NO_OUTPUT)
        scored = self.package.output
        scores = outputs[self._outputs.index(scored)][:, scored.column]
        return Judged(scores, outputs, why)

    def _run(self, batch: npt.NDArray[Any], states: Floats, deadline: float) -> list[Floats]:
        feeds, start = {self._input.tensor: batch}, 0
        for one, dtype in self._memories:
            feeds[one.input] = states[:, start : start + one.size].astype(dtype)
            start += one.size
        options = ort.RunOptions()
        options.log_severity_level = FATAL
        try:
            with self._watchdog.guard(options, deadline):
                found = self._session.run(self._names, feeds, options)
        except RUNTIME_ERRORS as error:
            raise RunError("deadline" if options.terminate else _said(error)) from error
        pairs = zip(self._outputs, found, strict=True)
        return [self._rows(out, np.asarray(value), len(batch)) for out, value in pairs]

    def _rows(self, output: Output, value: npt.NDArray[Any], count: int) -> Floats:
        width = self._width(output)
        fits = value.dtype.kind in "fiu" and value.shape[:1] == (count,)
        if not fits or value.size != count * width:
            raise RunError(
                f"output {output.tensor!r} is {value.dtype}{list(value.shape)},"
                f" expected [{count}, {width}]"
            )
        return value.reshape(count, width).astype(np.float64)

    def _width(self, output: Output) -> int:
        return output.width(len(self.package.shape.channels))

    def _prove(self, vectors: golden.Vectors, deadline: float) -> None:
        """All golden windows in one batch, then the first alone: rows must not see each other."""
        shape, limits = self.package.shape, self.package.manifest.golden
        columns = len(shape.channels)
        windows = np.frombuffer(vectors.windows).reshape(vectors.count, shape.length, columns)
        for count in {vectors.count, 1}:
            try:
                judged = self.judge(windows[:count], deadline)
            except RunError as error:
                raise _failed(limits.file, "outputs", str(error)) from error
            for index, why in judged.refused.items():
                raise _failed(limits.file, f"windows[{index}]", why)
            for output, got in zip(self._outputs, judged.outputs, strict=True):
                wanted = np.frombuffer(vectors.outputs[output.tensor]).reshape(-1, got.shape[1])
                off = np.abs(got - wanted[:count])
                if (off > limits.atol + limits.rtol * np.abs(wanted[:count])).any():
                    found = f"up to {off.max():.3g} off in a batch of {count}"
                    raise _failed(limits.file, f"outputs.{output.tensor}", found)


def open_session(
    package: Package, contents: Mapping[str, bytes], watchdog: Watchdog, limit_s: float
) -> Session:
    """Load a package within ``limit_s`` seconds.

    Raises:
        PackageError: the runtime refuses the model, or it does not reproduce its vectors.
    """
    return Session(package, contents, watchdog, time.monotonic() + limit_s)


def windows(block: bytes | bytearray, start: int, dims: tuple[int, int, int]) -> Floats:
    """The windows in a block of a frame from byte ``start``: n x rows x channels, not copied.

    Raises:
        ValueError: the block is of another size.
    """
    if min(dims) <= 0:
        return np.empty(dims)
    return np.frombuffer(block, np.float64, math.prod(dims), start).reshape(dims)


def _options() -> ort.SessionOptions:
    """One thread that never spins: the default burns 62 % of a core at 20 runs a second."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = FATAL
    return options


def _failed(file: str, field: str, found: str) -> PackageError:
    advice = "the model does not do here what it did where it was made: make both again"
    return refused(file, field, "the golden outputs", found, advice)


def _advice(error: Exception) -> str:
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return "it does not fit into memory: raise limits.worker_memory, or use a smaller model"
    return "export the model again, with another version of the exporter"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
