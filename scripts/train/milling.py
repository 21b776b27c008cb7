"""A classifier of failures of a milling machine (AI4I 2020; Matzka 2020), and how good it is.

The rows are independent of each other: this set has neither machines nor time to split by. The five
columns that name the cause are the label itself and are not looked at. Three more columns are
computed from physics: power, difference of temperature, and strain (torque times wear).
"""

import argparse
import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import lightgbm

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DATA = Path(__file__).parents[2] / "../shared/data/ai4i2020/train.csv.gz"
COLUMNS = ("Air temp", "Process temp", "Rotational", "Torque", "Tool wear")
TARGET = "Machine failure"
SETTINGS = {
    "num_leaves": 16,
    "learning_rate": 0.05,
    "n_estimators": 200,
    "min_child_samples": 10,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}
FOLDS, REPEATS = 5, 3


def load(file: Path) -> tuple[Floats, Flags]:
    """Features and failures, row by row."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [next(name for name in rows[0] if name.startswith(start)) for start in COLUMNS]
    kind = [float("LMH".index(row["Type"])) for row in rows]
    air, process, speed, torque, wear = (
        np.array([float(row[name]) for row in rows]) for name in names
    )
    power = torque * speed * 2 * np.pi / 60
    table = (kind, air, process, speed, torque, wear, power, process - air, torque * wear)
    return np.column_stack(table), np.array([row[TARGET] == "1" for row in rows])


def fit(features: Floats, failed: Flags, seed: int) -> "lightgbm.LGBMClassifier":
    """Train."""
    import lightgbm

    return lightgbm.LGBMClassifier(random_state=seed, **SETTINGS).fit(features, failed)


def precision_area(scores: Floats, failed: Flags) -> float:
    """Average precision: the area under precision over recall, by steps; ties as one step."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(failed[order])
    last = np.r_[np.flatnonzero(np.diff(scores[order])), len(order) - 1]
    recall = np.r_[0.0, hits[last] / max(hits[-1], 1)]
    return float(np.sum(np.diff(recall) * hits[last] / (last + 1)))


def folds(failed: Flags, seed: int) -> Iterator[tuple[Flags, Flags]]:
    """(to train on, to judge): as many failures in each part."""
    part = np.zeros(len(failed), dtype=np.int64)
    random = np.random.default_rng(seed)
    for side in (failed, ~failed):
        rows = random.permutation(np.flatnonzero(side))
        part[rows] = np.arange(len(rows)) % FOLDS
    for one in range(FOLDS):
        yield part != one, part == one


def best_f1(scores: Floats, failed: Flags) -> float:
    """The score at which F1 is largest."""
    levels = np.unique(np.quantile(scores, np.linspace(0.8, 1, 200)))
    return max(levels.tolist(), key=lambda level: f1(scores >= level, failed))


def f1(said: Flags, failed: Flags) -> float:
    """Twice the hits over all that was said or should have been."""
    return float(2 * np.sum(said & failed) / max(np.sum(said) + np.sum(failed), 1))


def report(file: Path, judge: Path | None) -> str:
    """Markdown: folds of the training rows; and other rows, judged by all of them."""
    features, failed = load(file)
    areas, marks = [], []
    for repeat in range(REPEATS):
        for train, rest in folds(failed, repeat):
            inner, outer = next(folds(failed[train], repeat))
            early = fit(features[train][inner], failed[train][inner], repeat)
            level = best_f1(early.predict_proba(features[train][outer])[:, 1], failed[train][outer])
            scores = fit(features[train], failed[train], repeat).predict_proba(features[rest])[:, 1]
            areas.append(precision_area(scores, failed[rest]))
            marks.append(f1(scores >= level, failed[rest]))
    found = (
        f"{len(failed)} rows, {failed.sum()} failures; {REPEATS} x {FOLDS} folds: PR-AUC "
        f"{np.mean(areas):.3f} ± {np.std(areas):.3f}, F1 {np.mean(marks):.3f} ± "
        f"{np.std(marks):.3f} (level from a part of the training rows)"
    )
    if judge is None:
        return found
    other, truth = load(judge)
    scores = fit(features, failed, 0).predict_proba(other)[:, 1]
    return f"{found}\n{judge.name}: PR-AUC {precision_area(scores, truth):.3f}"


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--judge", type=Path, help="rows to judge with all of --data")
    options = parser.parse_args()
    print(report(options.data, options.judge))


if __name__ == "__main__":
    main()
