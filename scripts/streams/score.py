"""Scores the shipped streaming detector on the files of the benchmark, through the real worker.

Each value of each file goes through the package as the daemon would send it: calibrated on the
file's own first values, one window after the other, the state carried. An alarm is where the
package's label turns; nothing before the calibration and the warm-up are over counts.
"""

import argparse
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gateway.adapters.worker import Job, Worker
from gateway.core.calibration import Calibration
from gateway.core.verdicts import NORMAL
from gateway.models.contract import Manifest
from gateway.models.package import verify
from scripts.streams import detector
from scripts.streams.detector import Floats
from scripts.streams.nab import Flags, Score, Stream, score, streams

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data/nab"
PACKAGE = ROOT / "gateway/demo/packages/streaming-anomaly"
MOST_FALSE = 0.2
"""False alarms a day that an operator will bear."""
LIMIT_S = 60.0


def standardised(stream: Stream, rows: int) -> Floats:
    """What the daemon makes of a file: the values after its calibration."""
    calibration = Calibration(rows, 1)
    for value in stream.values[:rows].tolist():
        calibration.add([value])
    (mean,), (sd,) = calibration.mean, calibration.sd
    found: Floats = (stream.values[rows:] - mean) / sd
    return found


def beside(every: Sequence[Floats]) -> Floats:
    """Files beside each other, rows x files; the short ones end in zeros, which nobody reads."""
    table = np.zeros((max(map(len, every)), len(every)))
    for column, values in enumerate(every):
        table[: len(values), column] = values
    return table


def judged(package: Path, every: Sequence[Floats]) -> list[Floats]:
    """The package's score of each value of each file."""
    worker, states = Worker(), [(0.0,) * detector.SIZE] * len(every)
    said: list[list[float | None]] = [[] for _ in every]
    worker.start()
    worker.load("stream", package)
    for row in range(max(map(len, every))):
        live = [column for column, values in enumerate(every) if row < len(values)]
        jobs = [
            Job("stream", str(column), array("d", [every[column][row]]), 1, 1, states[column])
            for column in live
        ]
        for column, answer in zip(live, worker.judge(jobs, LIMIT_S), strict=True):
            said[column].append(answer.score)
            states[column] = tuple(answer.outputs["next"])
    worker.stop()
    return [np.array(scores, dtype=np.float64) for scores in said]


def alarms(scores: Floats, manifest: Manifest, rows: int) -> Flags:
    """Rows of the file at which the label turns to alarm; ``scores`` begin after ``rows``."""
    given, held = np.zeros(len(scores) + rows, dtype=np.bool_), NORMAL
    for row, value in enumerate(scores.tolist()):
        if row < manifest.warmup:
            continue
        label, _ = manifest.decision.decide(value, held)
        given[rows + row] = held == NORMAL != label
        held = label
    return given


def report(package: Path, data: Path) -> str:
    """Markdown: the part that chose the level, the other one, and all."""
    manifest, every = verify(package).manifest, list(streams(data))
    rows = manifest.calibration.rows
    scores = judged(package, [standardised(one, rows) for one in every])
    given = [alarms(one, manifest, rows) for one in scores]
    chosen = set(manifest.provenance.get("level_chosen_on", ()))  # type: ignore[call-overload]
    lines = ["| files | NAB score | windows found | false alarms a day |", "|---|---|---|---|"]
    for title, part in parts(every, chosen):
        if sum(len(every[i].windows) for i in part):
            lines.append(f"| {title}, {len(part)} | {marked(every, given, part)} |")
    return "\n".join(lines)


def parts(every: Sequence[Stream], chosen: set[str]) -> Iterator[tuple[str, list[int]]]:
    """(what they are called, which) of the groups of files."""
    names = [one.name for one in every]
    yield "all", list(range(len(names)))
    if chosen & set(names):
        yield "those that chose the level", [i for i, n in enumerate(names) if n in chosen]
        yield "**those that chose nothing**", [i for i, n in enumerate(names) if n not in chosen]
    for group in dict.fromkeys(name.split("/")[0] for name in names):
        yield group, [i for i, name in enumerate(names) if name.startswith(group)]


def marked(every: Sequence[Stream], given: Sequence[Flags], part: Sequence[int]) -> Score:
    """The score of some files."""
    return score([every[i] for i in part], [given[i] for i in part])


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--package", type=Path, default=PACKAGE)
    parser.add_argument("--disturb", action="store_true", help="with noise, bias, dropout, spoof")
    options = parser.parse_args()
    if options.disturb:
        from scripts.streams.disturb import table

        print(table(options.package, options.data))
        return
    print(report(options.package, options.data))


if __name__ == "__main__":
    main()
