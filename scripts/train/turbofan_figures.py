"""Judges ``turbofan-rul`` on the test engines, and on engines with a fault it has never seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gateway.core.verdicts import NORMAL
from gateway.models.package import verify
from scripts.train.datasets import Floats, runs
from scripts.train.trust import outside
from scripts.train.turbofan_life import CLIP, SEEDS, engine, fit, nasa, predict, rmse

if TYPE_CHECKING:
    import lightgbm

OUT = Path(__file__).parents[2] / "gateway/demo/packages/turbofan-rul"
HEAD = "| model | RMSE clipped | RMSE raw | NASA clipped | NASA raw |"


def figures(data: Path) -> str:
    """Markdown; the test engines are judged here and nowhere else."""
    train = [engine(run) for run in runs(data / "train_FD001.csv.gz")]
    test = [engine(run) for run in runs(data / "test_FD001.csv.gz")]
    truth = np.loadtxt(data / "RUL_FD001.txt")
    clipped = np.minimum(truth, CLIP)
    last = np.stack([one.features[-1] for one in test])
    models = fit(train)
    lines = [
        HEAD,
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
    limits = abstaining(np.stack([one.windows[-1] for one in test]), both, clipped)
    return "\n".join(lines) + f"\n\n{limits}\n{elsewhere(models, data)}"


def elsewhere(models: "Sequence[lightgbm.Booster]", data: Path) -> str:
    """Engines with a fault that the models have never seen."""
    other = [engine(run) for run in runs(data / "train_FD003.csv.gz")]
    errors = [rmse(predict(models, one.features), one.life) for one in other]
    whole = (
        f"FD003, all windows of {len(other)} engines: RMSE {np.mean(errors):.2f} ± "
        f"{np.std(errors):.2f} over engines"
    )
    off = [predict(models, one.features) - one.life for one in other]
    strange = np.concatenate([strangers(one.windows) for one in other])
    inside, out = (
        float(np.sqrt(np.mean(np.concatenate(off)[flags] ** 2))) for flags in (~strange, strange)
    )
    return (
        f"{whole}\nout of the training range: {100 * strange.mean():.1f} % of these windows, whose "
        f"RMSE is {out:.2f}; that of the others {inside:.2f}"
    )


def strangers(windows: Floats) -> npt.NDArray[np.bool_]:
    """Of n x rows x channels, the windows that the shipped package is not shown."""
    trust = verify(OUT).manifest.trust
    assert trust.ood is not None
    limits = np.array([limit or (-np.inf, np.inf) for limit in trust.ood.limits]).T
    return outside(windows, limits) > trust.ood.max_share


def abstaining(windows: Floats, scores: Floats, truth: Floats) -> str:
    """What the shipped package's own limits make of the test engines."""
    manifest = verify(OUT).manifest
    conformal, decide = manifest.trust.conformal, manifest.decision.decide
    assert conformal is not None
    ends = [conformal.interval(score) for score in scores.tolist()]
    held = np.mean([low <= true <= high for (low, high), true in zip(ends, truth, strict=True)])
    crossing = np.array([bool(conformal.crosses(s, NORMAL, decide)) for s in scores.tolist()])
    far = strangers(windows)
    kept = ~crossing & ~far
    alarm = manifest.decision.levels[0].on
    right = (scores[kept] <= alarm) == (truth[kept] <= alarm)
    return (
        f"limits: the interval of {conformal.coverage:.0%} holds the (clipped) truth of "
        f"{100 * held:.0f} of 100 test engines; {crossing.sum()} are not answered since it reaches "
        f"across the level of {alarm:g}, {far.sum()} for lying outside the training range; of the "
        f"{kept.sum()} answers {right.sum()} are on the right side of the level"
    )
