"""Trains the shipped package ``turbofan-rul`` on the run-to-failure engines of C-MAPSS FD001.

Boosted trees on the ``stats`` of 30 flights of 14 sensors, three seeds averaged in one graph. All
choices were made on the 100 training engines, split by engine; the test engines are looked at by
``--figures`` alone. Deterministic on one machine: fixed seeds, one thread, no clock.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gateway.models.features.compute import compute
from scripts.train import trees
from scripts.train.costs import Costs, Trace, choose, count
from scripts.train.datasets import Floats, Run, runs
from scripts.train.emit import shortened, write
from scripts.train.split import folds

if TYPE_CHECKING:
    import lightgbm

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data/cmapss"
OUT = ROOT / "gateway/demo/packages/turbofan-rul"
VERSION, CREATED = "1.0.0", "2026-11-21"
SENSORS = tuple(f"sensor_{i}" for i in (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21))
"""The seven others stand still in FD001."""
WINDOW, CLIP = 30, 125.0
SEEDS = (0, 1, 2)
SETTINGS = {
    "num_leaves": 8,
    "learning_rate": 0.05,
    "n_estimators": 150,
    "min_child_samples": 100,
    "colsample_bytree": 0.3,
    "subsample": 0.5,
    "subsample_freq": 1,
    "reg_lambda": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}
FOLDS = 5
COSTS = Costs(miss=10.0, false_alarm=1.0)
"""An engine lost in flight against an inspection for nothing."""
LEAD = (10.0, 50.0)
"""An alarm is right when so many flights are left: sooner is false, later is a miss."""
GOLDEN = ((0, 40), (3, 120), (10, -1), (20, -30), (33, 60), (50, -10))
"""Engine and flight at whose end a golden window is cut."""
MARGIN = 1.0
"""How far beyond the span seen in training a sensor is still believed, in spans."""
HEAD = "| model | RMSE clipped | RMSE raw | NASA clipped | NASA raw |"

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine's windows."""

    name: str
    windows: Floats
    """n x 30 x 14; the last one ends at the last flight."""
    features: Singles
    """n x 84, as the graph gets them."""
    life: Floats
    """n; flights left at the window's end, at most 125; for a test engine without its offset."""


def engine(run: Run) -> Engine:
    """Cut a run into windows."""
    rows = run.columns(SENSORS)
    cut = np.lib.stride_tricks.sliding_window_view(rows, WINDOW, axis=0).swapaxes(1, 2)
    windows = np.ascontiguousarray(cut)
    left = np.arange(len(windows) - 1, -1, -1, dtype=np.float64)
    features = compute("stats", windows).astype(np.float32)
    return Engine(run.name, windows, features, np.minimum(left, CLIP))


def fit(engines: Sequence[Engine], seeds: Sequence[int] = SEEDS) -> "list[lightgbm.Booster]":
    """One model per seed."""
    import lightgbm  # judging a shipped package needs none

    features = np.concatenate([one.features for one in engines])
    life = np.concatenate([one.life for one in engines])
    return [
        lightgbm.LGBMRegressor(random_state=seed, **SETTINGS).fit(features, life).booster_
        for seed in seeds
    ]


def predict(models: "Sequence[lightgbm.Booster]", features: Singles) -> Floats:
    """The average of the models, never below 0."""
    mean: Floats = np.mean([model.predict(features) for model in models], axis=0)
    return np.maximum(mean, 0.0)


def unseen(engines: Sequence[Engine]) -> dict[str, Floats]:
    """Of every training engine, what models said that never saw it."""
    said = {}
    for fold in folds([one.name for one in engines], FOLDS, seed=0):
        models = fit([one for one in engines if one.name not in fold])
        said |= {one.name: predict(models, one.features) for one in engines if one.name in fold}
    return said


def traces(engines: Sequence[Engine], said: dict[str, Floats]) -> list[Trace]:
    """The same as histories on which a level can be chosen: high is bad."""
    late, soon = LEAD
    return [
        Trace(-said[one.name][one.life >= late], (one.life <= soon)[one.life >= late])
        for one in engines
    ]


def rmse(predicted: Floats, truth: Floats) -> float:
    """Root mean square error."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def nasa(predicted: Floats, truth: Floats) -> float:
    """The asymmetric score of Saxena et al. 2008: late is worse than early."""
    off = predicted - truth
    return float(np.sum(np.where(off < 0, np.exp(-off / 13) - 1, np.exp(off / 10) - 1)))


def figures(data: Path) -> str:
    """Markdown; the test engines are judged here and nowhere else."""
    train = [engine(run) for run in runs(data / "train_FD001.csv.gz")]
    test = [engine(run) for run in runs(data / "test_FD001.csv.gz")]
    truth = np.loadtxt(data / "RUL_FD001.txt")
    clipped = np.minimum(truth, CLIP)
    last = np.stack([one.features[-1] for one in test])
    models = fit(train)
    lines = [
        "| model | RMSE clipped | RMSE raw | NASA clipped | NASA raw |",
        "|---|---|---|---|---|",
    ]
    singles = [predict([model], last) for model in models]
    means = [
        [score(one, goal) for one in singles] for score in (rmse, nasa) for goal in (clipped, truth)
    ]
    spread = [f"{np.mean(x):.2f} ± {np.std(x):.2f}" for x in means]
    lines.append(
        f"| one seed, of {len(SEEDS)} | {spread[0]} | {spread[1]} | {spread[2]} | {spread[3]} |"
    )
    both = predict(models, last)
    lines.append(
        f"| **shipped: {len(SEEDS)} seeds averaged** | **{rmse(both, clipped):.2f}** "
        f"| {rmse(both, truth):.2f} | {nasa(both, clipped):.0f} | {nasa(both, truth):.0f} |"
    )
    steady = np.full(len(test), np.mean(np.concatenate([one.life for one in train])))
    lines.append(
        f"| always the average life | {rmse(steady, clipped):.2f} | {rmse(steady, truth):.2f} "
        f"| {nasa(steady, clipped):.0f} | {nasa(steady, truth):.0f} |"
    )
    return "\n".join(lines) + "\n\n" + elsewhere(models, data)


def elsewhere(models: "Sequence[lightgbm.Booster]", data: Path) -> str:
    """Engines with a fault that the models have never seen."""
    other = [engine(run) for run in runs(data / "train_FD003.csv.gz")]
    errors = [rmse(predict(models, one.features), one.life) for one in other]
    return (
        f"FD003, all windows of {len(other)} engines: RMSE {np.mean(errors):.2f} ± "
        f"{np.std(errors):.2f} over engines"
    )


def level(engines: Sequence[Engine], said: dict[str, Floats]) -> tuple[float, int, int]:
    """The level [flights] that costs least on engines no model saw; misses, false alarms there."""
    known = traces(engines, said)
    best = choose(known, COSTS)
    return (-best, *count(known, best))


def package(data: Path, out: Path, period_s: float) -> str:
    """Train on all training engines and write; what was found on the way."""
    history = list(runs(data / "train_FD001.csv.gz"))
    engines = [engine(run) for run in history]
    said = unseen(engines)
    alarm, misses, false = level(engines, said)
    alarm = round(alarm)
    errors = np.concatenate([np.abs(said[one.name] - one.life) for one in engines])
    per_engine = [rmse(said[one.name], one.life) for one in engines]
    models = fit(engines)
    forest = [tree for model in models for tree in trees.boosted(model, 1 / len(models))]
    golden = shortened(np.stack([engines[i].windows[end] for i, end in GOLDEN]))
    features = compute("stats", golden).astype(np.float32)
    rows = np.concatenate([run.columns(SENSORS) for run in history])
    low, high = rows.min(axis=0), rows.max(axis=0)
    span = MARGIN * (high - low)
    found = (
        f"engines it never saw ({FOLDS} folds by engine): RMSE {np.mean(per_engine):.2f} ± "
        f"{np.std(per_engine):.2f} over engines, 90 % of windows within "
        f"{np.quantile(errors, 0.9):.1f} flights; alarm at {alarm}: {misses} of {len(engines)} "
        f"missed, {false} false alarms"
    )
    manifest = {
        "id": "turbofan-rul",
        "version": VERSION,
        "task": "rul",
        "created": CREATED,
        "input": {
            "tensor": "features",
            "layout": "n,f",
            "features": "stats",
            "channels": [
                {"name": name, "unit": "", "range": [round(float(a), 4), round(float(b), 4)]}
                for name, a, b in zip(SENSORS, low - span, high + span, strict=True)
            ],
            "period_s": period_s,
            "window": WINDOW,
        },
        "outputs": [{"tensor": "rul", "meaning": "rul", "unit": "cycles"}],
        "decision": {
            "raises": "below",
            "levels": [
                {"label": "warning", "on": 2 * alarm, "off": 2 * alarm + 10},
                {"label": "alarm", "on": alarm, "off": alarm + 5},
            ],
        },
        "licence": "Apache-2.0",
        "provenance": {
            "data": "NASA C-MAPSS FD001, training part (Saxena et al. 2008), US government work",
            "script": "scripts/train_turbofan",
            "unseen": found,
            "costs": {"miss": COSTS.miss, "false_alarm": COSTS.false_alarm},
        },
    }
    card = Path(__file__).with_name("turbofan_card.md").read_text("utf-8")
    outputs = {"rul": predict(models, features)[:, np.newaxis]}
    graph = trees.life(forest, features.shape[1])
    write(out, graph, manifest, card.format(found=found, alarm=alarm), golden, outputs)
    return f"{out}: {len(graph)} bytes of ONNX\n{found}"


def main() -> None:
    """Train, or judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--period", type=float, default=1.0, help="seconds between two flights")
    parser.add_argument("--figures", action="store_true", help="judge the test engines")
    options = parser.parse_args()
    if options.figures:
        print(figures(options.data))
    else:
        print(package(options.data, options.out, options.period))


if __name__ == "__main__":
    main()
