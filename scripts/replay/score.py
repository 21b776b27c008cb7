"""Scores the daemon on the recorded faults of the pump test bed, from end to end.

A broker, the real daemon on a real configuration, a package trained here on the anomaly-free run
alone, and a replay of the other runs through a bridge's topics. What the daemon stored is scored by
the protocol of the data, beside detectors that look at the same rows in this process.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scripts.replay.configure import VOTES
from scripts.replay.protocol import CALIBRATION_ROWS, score
from scripts.replay.publish import period_ms, select
from scripts.replay.rig import Outcome, judge
from scripts.replay.wires import WIRES
from scripts.train.datasets import Flags, Floats, Run, runs
from scripts.train.pump import CHANNELS, SMOOTHING, Standardise, package, standardised, train

DATA = Path("../shared/data/skab")
NORMAL = "anomaly-free"
GROUPS = ("", "valve1", "valve2", "other")
HEAD = "| detector | runs | F1 | FAR % | MAR % | events | delay s | false onsets/h |"
TIMED = sorted(name for name, wire in WIRES.items() if wire.timed)
"""Bridges that carry a time: a verdict must be laid beside its row."""
TOLERANCE = 1e-3
"""Scores of daemon and numpy this near are the same: float32 lies between."""


def faults(data: Path, names: Sequence[str]) -> list[Run]:
    """The runs to be judged."""
    return [run for run in select(data, names) if not run.name.startswith(NORMAL)]


def offline(normal: Floats, standardise: Standardise = standardised) -> Callable[[Run], Floats]:
    """The same model in numpy: a score per row, nan until a window is full."""
    model = train(normal, standardise)

    def judged(run: Run) -> Floats:
        scores = model.score(standardise(run.columns(CHANNELS)))
        whole: Floats = np.r_[np.full(SMOOTHING.length - 1, np.nan), scores]
        return whole

    return judged


def plainly(rows: Floats) -> Floats:
    """What ``gateway.core.calibration`` would be without batch means."""
    calm = rows[:CALIBRATION_ROWS]
    done: Floats = (rows - calm.mean(axis=0)) / calm.std(axis=0)
    return done


def always(run: Run) -> Flags:
    """The alarm that never ends."""
    return np.ones(len(run.values), dtype=np.bool_)


def four_sigma(run: Run) -> Flags:
    """What one would write first: a channel beyond four plain standard deviations."""
    rows = run.columns(CHANNELS)
    calm = rows[:CALIBRATION_ROWS]
    far: Flags = (np.abs(rows - calm.mean(axis=0)) > 4 * calm.std(axis=0)).any(axis=1)
    return far


def table(
    chosen: Sequence[Run], outcome: Outcome, scores: Sequence[Floats], plain: Sequence[Floats]
) -> str:
    """Every detector on every group of runs, as Markdown."""
    detectors: dict[str, Sequence[Flags]] = {
        "always alarm": [always(run) for run in chosen],
        "any channel beyond 4 sd": [four_sigma(run) for run in chosen],
        "the model on plain sd, numpy": [np.nan_to_num(one) >= 1 for one in plain],
        "the model, numpy": [np.nan_to_num(one) >= 1 for one in scores],
        "daemon, verdicts": [one.alarm for one in outcome.judged],
        f"daemon, decisions ({VOTES})": [one.alert for one in outcome.judged],
    }
    lines = [HEAD, "|---|---|---|---|---|---|---|---|"]
    for group in GROUPS:
        members = [i for i, run in enumerate(chosen) if run.name.startswith(group)]
        if not members or (group and len(members) == len(chosen)):
            continue
        for name, alarms in detectors.items():
            result = score([chosen[i] for i in members], [alarms[i] for i in members])
            lines.append(f"| {name} | {group or 'all'}, {len(members)} | {result} |")
    return "\n".join(lines)


def agreement(chosen: Sequence[Run], outcome: Outcome, scores: Sequence[Floats]) -> tuple[int, int]:
    """(scored rows on which daemon and numpy agree in score and label, scored rows)."""
    same = total = 0
    for run, judged, wanted in zip(chosen, outcome.judged, scores, strict=True):
        rows = slice(CALIBRATION_ROWS, len(run.values))
        close = np.isclose(judged.score[rows], wanted[rows], rtol=TOLERANCE, atol=TOLERANCE)
        same += int(np.sum(close & (judged.alarm[rows] == (wanted[rows] >= 1))))
        total += len(wanted[rows])
    return same, total


def around(chosen: Sequence[Run], alarms: Sequence[Flags]) -> str:
    """Where the false alarms are: before the fault, or after it."""
    shares = {"before": np.zeros(2), "after": np.zeros(2)}
    for run, flags in zip(chosen, alarms, strict=True):
        rows = np.arange(len(flags))
        normal = (rows >= CALIBRATION_ROWS) & ~run.faulty
        first = int(np.argmax(run.faulty))
        for name, side in (("before", rows < first), ("after", rows > first)):
            shares[name] += (np.sum(flags & normal & side), np.sum(normal & side))
    return ", ".join(
        f"{name} the fault {100 * false / max(count, 1):.1f} %"
        for name, (false, count) in shares.items()
    )


def settling(normal: Floats) -> str:
    """Normal running called faulty by a model that was calibrated too early, or long enough."""
    model = train(normal)
    lines = ["| calibrated on rows | of the rest called faulty % |", "|---|---|"]
    for first in (0, 2_000, 4_000):
        for rows in (400, 1_200, 3_600):
            later = model.score(standardised(normal[first:], rows))[rows - SMOOTHING.length + 1 :]
            lines.append(f"| {first} to {first + rows} | {100 * np.mean(later >= 1):.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the pump test bed")
    parser.add_argument("--bridge", choices=TIMED, default="json")
    parser.add_argument("--speed", type=float, default=20.0)
    parser.add_argument("--experiments", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args()
    try:
        chosen, period = faults(options.data, options.experiments), period_ms(options.speed)
        recordings = list(runs(options.data / NORMAL))
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        package(recordings, Path(folder), period / 1000)
        outcome = judge(chosen, WIRES[options.bridge], Path(folder), period)
    normal = np.concatenate([run.columns(CHANNELS) for run in recordings])
    numpy_model = offline(normal)
    scores = [numpy_model(run) for run in chosen]
    same, total = agreement(chosen, outcome, scores)
    plain = offline(normal, plainly)
    print(table(chosen, outcome, scores, [plain(run) for run in chosen]))
    print(f"\n{same} of {total} scored rows: daemon and numpy agree ({100 * same / total:.2f} %)")
    print(f"normal rows called faulty: {around(chosen, [one.alarm for one in outcome.judged])}")
    print(f"\n{settling(normal)}\n")
    print(f"replay at most {outcome.behind_s:.2f} s behind its clock; counters {outcome.counters}")
    if not same:
        sys.exit(outcome.log)


if __name__ == "__main__":
    main()
