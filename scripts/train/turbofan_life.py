"""The engines of C-MAPSS FD001 as windows, and the boosted trees that say how long they live."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gateway.models.features.compute import compute
from scripts.train.costs import Trace
from scripts.train.datasets import Floats, Run
from scripts.train.split import folds

if TYPE_CHECKING:
    import lightgbm

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
LEAD = (10.0, 50.0)
"""An alarm is right when so many flights are left: sooner is false, later is a miss."""

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
