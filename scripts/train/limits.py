"""Limits of a package made from one's own history: interval and training range.

Only for kinds that learnt from faults, too. A detector of anomalies has neither: its score has no
truth, and what is unlike its training is what it is there to find.
"""

from collections.abc import Sequence

import numpy as np

from scripts.train.history import History
from scripts.train.kinds import Model, Plan, windows
from scripts.train.trust import outside, quantiles

COVERAGE = 0.8
TAILS = 0.0005
STRAYS = 0.995
BANDS = (0.1, 0.25, 0.5)
"""Quantiles of what the model says, where its interval changes: little left is known better."""
LEAST_ROWS = 20


def ood(plan: Plan, train: Sequence[History], other: Sequence[History]) -> dict[str, object]:
    """Limits from the training part; how many cells may lie beyond them, from another one."""
    rows = np.concatenate([one.values for one in train])
    limits = np.quantile(rows, (TAILS, 1 - TAILS), axis=0)
    shares = [outside(windows(one.values, plan.window), limits) for one in other]
    share = float(np.quantile(np.concatenate(shares), STRAYS))
    named = {
        name: [float(f"{low:.6g}"), float(f"{high:.6g}")]
        for name, low, high in zip(plan.channels, *limits, strict=True)
        if low < high
    }
    return {"method": "range", "limits": named, "max_share": round(min(1.0, share), 4)}


def uncertainty(model: Model, plan: Plan, other: Sequence[History]) -> dict[str, object]:
    """How far remaining life is off on machines that did not train the model.

    Raises:
        ValueError: there are too few windows.
    """
    whole = [one for one in other if len(one.values) >= plan.window]
    said = np.concatenate([model.scores(windows(one.values, plan.window)) for one in whole])
    true = np.concatenate(
        [np.arange(len(one.values) - plan.window, -1, -1.0) * plan.period_s for one in whole]
    )
    off, bands, start = np.abs(true - said), [], -np.inf
    for end in np.unique(np.quantile(said, BANDS)).tolist():
        inside = (said >= start) & (said < end)
        if inside.sum() >= LEAST_ROWS:
            widths = quantiles(off[inside], (COVERAGE,))
            bands.append({"below": float(f"{end:.6g}"), "residual_quantiles": widths})
            start = end
    return {
        "method": "conformal",
        "residual_quantiles": quantiles(off[said >= start], (COVERAGE,)),
        "bands": bands,
        "calibrated_on": f"{len(whole)} histories that trained nothing",
    }


def half(unsure: dict[str, object], score: float) -> float:
    """Half the interval of a score."""
    key = f"{COVERAGE:g}"
    for band in unsure["bands"]:  # type: ignore[attr-defined]
        if score < band["below"]:
            return float(band["residual_quantiles"][key])
    return float(unsure["residual_quantiles"][key])  # type: ignore[index]
