"""Which channel the explanations name first, over all alarm rows of recorded valve faults.

The package of ``scripts/train_pump``, the real worker, and its explain operation on every row after
the calibration whose score alarms, as the daemon would ask it: calibrated per run on the first 400
rows, baseline at the calibration's mean. Alarms on rows called faulty are counted apart, too.
"""

import argparse
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.adapters.worker import Job, Worker
from scripts.replay.protocol import CALIBRATION_ROWS
from scripts.train.datasets import Floats, Run, runs
from scripts.train.pump import CHANNELS, SMOOTHING, package, standardised

DATA = Path("../shared/data/skab")
FAULTS = ("valve1", "valve2")
METHODS = ("residuals", "occlusion")
EXPECTED = "flow"
LEVEL = 1.0
LIMIT_S = 10.0


def alarms(worker: Worker, run: Run) -> Iterator[tuple[int, Job]]:
    """(row, window) of every alarm after the calibration."""
    rows: Floats = standardised(run.columns(CHANNELS))
    ends = range(CALIBRATION_ROWS, len(rows))
    windows = (rows[end - SMOOTHING.length + 1 : end + 1] for end in ends)
    cells = (array("d", window.ravel().tolist()) for window in windows)
    jobs = [Job("pump", run.name, each, SMOOTHING.length, len(CHANNELS)) for each in cells]
    for end, job, answer in zip(ends, jobs, worker.judge(jobs, LIMIT_S), strict=True):
        if answer.score is not None and answer.score >= LEVEL:
            yield end, job


def first(worker: Worker, job: Job, method: str) -> str:
    """The channel with the largest share."""
    found = worker.explain(job, [0.0] * len(CHANNELS), method, LIMIT_S)
    return CHANNELS[max(range(len(CHANNELS)), key=lambda i: found.weights[i])]


def named(worker: Worker, chosen: Sequence[Run], method: str) -> dict[bool, Counter[str]]:
    """How often each channel came first, by whether the row is called faulty."""
    told: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for run in chosen:
        for row, job in alarms(worker, run):
            told[bool(run.faulty[row])][first(worker, job, method)] += 1
    return told


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the pump test bed")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        package(list(runs(data / "anomaly-free")), Path(folder), 1.0)
        worker = Worker()
        worker.start()
        worker.load("pump", folder)
        print(f"| fault | method | alarm rows | {EXPECTED} first % | of them faulty | % | others |")
        print("|---|---|---|---|---|---|---|")
        for method in METHODS:
            told = [named(worker, list(runs(data / fault)), method) for fault in FAULTS]
            both = {faulty: told[0][faulty] + told[1][faulty] for faulty in (True, False)}
            for fault, counts in zip((*FAULTS, "both"), (*told, both), strict=True):
                print(_row(fault, method, counts))
        worker.stop()


def _row(fault: str, method: str, told: dict[bool, Counter[str]]) -> str:
    every = told[True] + told[False]
    others = ", ".join(f"{name} {n}" for name, n in every.most_common() if name != EXPECTED)
    cells = [fault, method, every.total(), _share(every), told[True].total(), _share(told[True])]
    return f"| {' | '.join(map(str, cells))} | {others} |"


def _share(counts: Counter[str]) -> str:
    return f"{100 * counts[EXPECTED] / max(counts.total(), 1):.1f}"


if __name__ == "__main__":
    main()
