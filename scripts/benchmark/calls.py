"""What a call to the worker process costs: judging, explaining, features, memory.

Interleaved, medians of wall time; ``scripts/bench`` prints some, ``scripts/bench_worker`` all.
"""

import os
import statistics
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from gateway.adapters.worker import Job, Worker
from gateway.models.features.compute import compute
from gateway.models.features.presets import Vibration
from scripts.benchmark import meters
from tests.models import make

ROWS, CHANNELS = 60, 8
Spread = dict[str, float]
KIND = "convolution"
"""The model of the rows of ``scripts/bench``."""
SIZES_MB = (1, 9)


def figures(folder: Path, repeats: int) -> dict[str, float]:
    """The rows of ``scripts/bench``, microseconds and megabytes."""
    package, session = written(KIND, folder / KIND)
    found: dict[str, float] = {}
    worker = Worker()
    worker.start()
    try:
        worker.load(KIND, package)
        for count in (1, 64):
            told = round_trips(worker, session, KIND, count, repeats)
            for way in ("worker", "bare"):
                found[f"{way}_{count}_us"] = told[way]["median_us"]
        found["explain_us"] = explanations(worker, KIND, repeats)["explain"]["median_us"]
    finally:
        worker.stop()
    for name, told in features(repeats).items():
        if name.endswith(", 1"):
            found[f"{name.split()[0]}_us"] = told["median_us"]
    small, large = (resident_mb(folder / f"{size}", size) for size in SIZES_MB)
    return found | {"mb_per_mb": (large - small) / (SIZES_MB[1] - SIZES_MB[0])}


def written(kind: str, folder: Path) -> tuple[Path, onnxruntime.InferenceSession]:
    """A package of a kind, of windows of 60 x 8, and its bare session."""
    before = make.ROWS, make.CHANNELS
    make.ROWS, make.CHANNELS = ROWS, CHANNELS
    try:
        recipe = make.KINDS[kind]()
        make.write(folder, recipe)
    finally:
        make.ROWS, make.CHANNELS = before
    return folder, onnxruntime.InferenceSession(recipe.model.SerializeToString(), make.options())


def resident_mb(folder: Path, size_mb: int) -> float:
    """Resident memory of a worker with one model of so many megabytes of weights."""
    width = CHANNELS * 12
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("MatMul", "flat weights", "wide"),
        make.node("ReduceSum", "wide axis", "score", keepdims=1),
    ]
    columns = size_mb * 1_000_000 // (4 * width)
    constants = [make.weights("weights", width, columns), make.tensor("axis", [1], np.int64)]
    model = make.model(nodes, constants, window=("n", 12, CHANNELS))
    make.write(folder, make.Recipe(model, rows=12, channels=CHANNELS))
    worker = Worker()
    worker.start()
    try:
        worker.load("sized", folder)
        worker.judge([Job("sized", "pump", array("d", bytes(12 * CHANNELS * 8)), 12, CHANNELS)], 9)
        return worker.rss_bytes / meters.MB
    finally:
        worker.stop()


def timed(call: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - began) * 1e6


def spread(samples: list[float]) -> Spread:
    cuts = statistics.quantiles(samples, n=20)
    return {"median_us": statistics.median(samples), "p5_us": cuts[0], "p95_us": cuts[-1]}


def round_trips(
    worker: Worker, session: onnxruntime.InferenceSession, kind: str, count: int, repeats: int
) -> dict[str, Spread]:
    """One batch of ``count`` assets, to the worker and to the bare session, by turns."""
    cells = np.random.default_rng(1).normal(size=(count, ROWS, CHANNELS))
    jobs = [
        Job(kind, "pump", array("d", window.ravel().tolist()), ROWS, CHANNELS) for window in cells
    ]
    batch = cells.astype(np.float32)
    ways = {
        "worker": lambda: worker.judge(jobs, 10.0),
        "bare": lambda: session.run(None, {"window": batch}),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            samples[name].append(timed(way))
    told = {name: spread(values[repeats // 10 :]) for name, values in samples.items()}
    for name, way in ways.items():
        began = cpu_us(worker.pid)
        for _ in range(repeats):
            way()
        told[name]["cpu_us"] = (cpu_us(worker.pid) - began) / repeats
    return told


def explanations(worker: Worker, kind: str, repeats: int) -> dict[str, Spread]:
    """One window of 60 rows x 8 channels: judged alone, and explained by 9 windows in one run."""
    cells = np.random.default_rng(1).normal(size=(ROWS, CHANNELS))
    job = Job(kind, "pump", array("d", cells.ravel().tolist()), ROWS, CHANNELS)
    ways = {
        "judge": lambda: worker.judge([job], 10.0),
        "explain": lambda: worker.explain(job, [0.0] * CHANNELS, "occlusion", 10.0),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            samples[name].append(timed(way))
    return {name: spread(values[repeats // 10 :]) for name, values in samples.items()}


def features(repeats: int) -> dict[str, Spread]:
    """What the presets take before the graph runs, in this process."""
    random = np.random.default_rng(1)
    settings = Vibration(12_000, ((0, 1500), (1500, 6000)), (3.58, 5.42, 4.71), speed="b")
    told = {}
    for preset, rows, columns in (("stats", 30, 14), ("vibration", 4096, 2)):
        names = "ab" + "c" * (columns - 2)
        for count in (1, 64):
            cells = random.normal(1000, 1, size=(count, rows, columns))
            tries = max(repeats // count, 20)
            samples = [timed(compute, preset, cells, names, settings) for _ in range(tries)]
            told[f"{preset} {rows} x {columns}, {count}"] = spread(samples)
    return told


def cpu_us(pid: int | None) -> float:
    """CPU time of the worker and of this process; the worker's comes in ticks of 10 ms."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK") * 1e6 + time.process_time() * 1e6
