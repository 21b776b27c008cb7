"""Level, interval and training range of ``turbofan-rul``, and the windows it is stressed with."""

from collections.abc import Sequence

import numpy as np

from scripts.train.costs import Costs, Trace, choose, count
from scripts.train.datasets import Floats, Run
from scripts.train.split import folds
from scripts.train.trust import outside, quantiles
from scripts.train.turbofan_life import CLIP, FOLDS, LEAD, SENSORS, Engine, traces

COSTS = Costs(miss=10.0, false_alarm=1.0)
"""An engine lost in flight against an inspection for nothing."""
BANDS = (10.0, 20.0, 30.0, 45.0, 60.0, 80.0)
"""Where the interval changes its width [flights]: an old engine's age is known better."""
COVERAGES = (0.5, 0.8, 0.9)
COVERAGE = 0.8
TAILS = 0.0005
"""Of the training values of a sensor, what lies beyond its limits on either side."""
STRAYS = 0.995
"""Of the windows of engines that did not set the limits, how many must pass them."""
STRESS_ENGINES = 20


def level(engines: Sequence[Engine], said: dict[str, Floats]) -> tuple[float, int, int]:
    """The level [flights] that costs least on engines no model saw; misses, false alarms there."""
    known = traces(engines, said)
    best = choose(known, COSTS)
    return (-best, *count(known, best))


def interval(engines: Sequence[Engine], said: dict[str, Floats]) -> dict[str, object]:
    """``uncertainty``: what models were off by on engines they had not seen, by what they said."""
    truth = np.concatenate([one.life for one in engines])
    scores = np.concatenate([said[one.name] for one in engines])
    off, starts = np.abs(truth - scores), np.r_[-np.inf, BANDS]
    bands = [
        {"below": end, "residual_quantiles": quantiles(off[inside], COVERAGES)}
        for start, end in zip(starts, BANDS, strict=False)
        for inside in [(scores >= start) & (scores < end)]
    ]
    return {
        "method": "conformal",
        "residual_quantiles": quantiles(off[scores >= BANDS[-1]], COVERAGES),
        "bands": bands,
        "coverage": COVERAGE,
        "calibrated_on": f"{len(engines)} engines of FD001, each by models that had not seen it",
    }


def half(uncertainty: dict[str, object], scores: Floats) -> Floats:
    """Half the interval of each score."""
    key = f"{COVERAGE:g}"
    bands = uncertainty["bands"]
    widths = [band["residual_quantiles"][key] for band in bands]  # type: ignore[index, union-attr]
    last = uncertainty["residual_quantiles"][key]  # type: ignore[index]
    found: Floats = np.array([*widths, last])[np.searchsorted(BANDS, scores, side="right")]
    return found


def bounded(history: Sequence[Run], engines: Sequence[Engine]) -> dict[str, object]:
    """``ood``: limits of each sensor, and how many cells of a window may lie beyond them.

    The share is chosen on engines that did not set the limits; it is less than one sensor's part.
    """
    shares = []
    for fold in folds([run.name for run in history], FOLDS, seed=0):
        limits = _limits([run for run in history if run.name not in fold])
        shares += [outside(one.windows, limits) for one in engines if one.name in fold]
    low, high = _limits(history)
    share = float(np.quantile(np.concatenate(shares), STRAYS))
    return {
        "method": "range",
        "limits": {
            name: [float(f"{a:.6g}"), float(f"{b:.6g}")]
            for name, a, b in zip(SENSORS, low, high, strict=True)
        },
        "max_share": round(share, 4),
    }


def _limits(history: Sequence[Run]) -> Floats:
    rows = np.concatenate([run.columns(SENSORS) for run in history])
    found: Floats = np.quantile(rows, (TAILS, 1 - TAILS), axis=0)
    return found


def answered(
    engines: Sequence[Engine], said: dict[str, Floats], alarm: float, unsure: dict[str, object]
) -> tuple[float, list[Trace]]:
    """The share of windows with an answer, and the alarms as the gateway would raise them."""
    sure, every = [], []
    for one in engines:
        scores, wide = said[one.name], half(unsure, said[one.name])
        sure.append((scores + wide <= alarm) | (scores - wide > alarm))
        clear = np.where(scores + wide <= alarm, 1.0, 0.0)
        late, soon = LEAD
        every.append(Trace(clear[one.life >= late], (one.life <= soon)[one.life >= late]))
    return float(np.mean(np.concatenate(sure))), every


def stressed(engines: Sequence[Engine], alarm: float) -> tuple[Floats, list[str]]:
    """Windows over the lives of some engines, and their true labels."""
    windows, labels = [], []
    for one in engines[:STRESS_ENGINES]:
        for at in np.linspace(0, len(one.windows) - 1, 10).astype(int):
            windows.append(one.windows[at])
            labels.append("alarm" if one.life[at] <= alarm else "normal")
    return np.stack(windows), labels


def explain(history: Sequence[Run]) -> dict[str, object]:
    """``explain``: what each sensor says while at least 125 flights are left, for 9 in 10 of them.

    A low score is explained by what is no longer as it was then.
    """
    rows = np.concatenate([run.columns(SENSORS)[: -int(CLIP)] for run in history])
    low, middle, high = np.quantile(rows, (0.05, 0.5, 0.95), axis=0)
    return {
        "baseline": {name: short(b) for name, b in zip(SENSORS, middle, strict=True)},
        "usual": {
            name: [short(a), short(b)] for name, a, b in zip(SENSORS, low, high, strict=True)
        },
    }


def short(value: float) -> float:
    """Six digits are what the sensors have."""
    return float(f"{value:.6g}")
