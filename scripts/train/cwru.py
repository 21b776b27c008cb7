"""What the vibration features say of real bearings (CWRU): damage found, and its kind named.

Bearing-wise: what is trained on one set of bearings is judged on another. The same features split
at random stand beside it as a warning. Every block is divided by its own rms first: the digitiser's
step differs from recording to recording and would give the answer away.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.models.features.compute import compute
from scripts.train.bearing import CHANNELS, SAMPLES, SETTINGS

DATA = Path(__file__).parents[2] / "../shared/data/cwru"
KINDS = ("B", "IR", "OR")
"""Rolling element, inner race, outer race."""
SEEDS = (0, 1, 2)
BOOSTING = {
    "num_leaves": 8,
    "learning_rate": 0.05,
    "n_estimators": 150,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}
Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Blocks:
    """All blocks of some recordings."""

    windows: Floats
    """n x samples x (acceleration, speed)."""
    fault: Names
    """n; N, B, IR or OR."""
    size: Names
    """n; of the damage, thousandths of an inch: another size is another bearing."""

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """What the worker computes."""
        return compute("vibration", self.windows, CHANNELS, SETTINGS).astype(np.float32)


def load(data: Path) -> Blocks:
    """Every recording, cut into blocks that do not overlap.

    Raises:
        FileNotFoundError: there is no data.
    """
    with (data / "records.csv").open(encoding="utf-8", newline="") as lines:
        records = list(csv.DictReader(lines))
    windows, fault, size = [], [], []
    with np.load(data / "de12k_int16.npz") as arrays:
        for record in records:
            samples = arrays[record["key"]] * float(record["step_g"])
            count = len(samples) // SAMPLES
            cut = samples[: count * SAMPLES].reshape(count, SAMPLES)
            cut = cut - cut.mean(axis=1, keepdims=True)
            cut /= np.sqrt(np.mean(cut * cut, axis=1, keepdims=True))
            speed = np.full_like(cut, float(record["rpm"]))
            windows.append(np.stack([cut, speed], axis=2))
            fault += [record["fault"]] * count
            size += [record["size_mil"]] * count
    return Blocks(np.concatenate(windows), np.array(fault), np.array(size))


def macro_f1(said: Names, truth: Names, names: Sequence[str] = KINDS) -> float:
    """F1 of each kind, averaged: a kind that is never named counts 0."""
    each = [
        2
        * np.sum((said == name) & (truth == name))
        / max(np.sum(said == name) + np.sum(truth == name), 1)
        for name in names
    ]
    return float(np.mean(each))


def named(
    features: npt.NDArray[np.float32], fault: Names, train: npt.NDArray[np.bool_], seed: int
) -> Names:
    """The kind of damage of every block that was not trained on."""
    import lightgbm

    model = lightgbm.LGBMClassifier(random_state=seed, **BOOSTING)
    model.fit(features[train], fault[train])
    chosen = model.booster_.predict(features[~train]).argmax(axis=1)
    return np.array(model.classes_)[chosen]


def naming(blocks: Blocks) -> str:
    """Markdown: macro F1 of the three kinds, bearing-wise and leaky."""
    damaged = blocks.fault != "N"
    features, fault, size = blocks.features[damaged], blocks.fault[damaged], blocks.size[damaged]
    random = np.random.default_rng(0).random(len(fault)) < 0.8
    lines = ["| trained on, judged on | macro F1 | recall B, IR, OR |", "|---|---|---|"]
    for name, train in (
        ("0.007 in, 0.014 in: other bearings", size == "7"),
        ("0.014 in, 0.007 in: other bearings", size == "14"),
        ("LEAKY: random blocks of the same recordings", random),
    ):
        said = [named(features, fault, train, seed) for seed in SEEDS]
        truth = fault[~train]
        marks = [macro_f1(one, truth) for one in said]
        recall = [
            float(np.mean([np.mean(one[truth == kind] == kind) for one in said])) for kind in KINDS
        ]
        shown = ", ".join(f"{share:.2f}" for share in recall)
        lines.append(f"| {name} | {np.mean(marks):.2f} ± {np.std(marks):.2f} | {shown} |")
    return "\n".join(lines)


def finding(blocks: Blocks, package: Path) -> str:
    """Markdown: what the shipped package, trained on simulated bearings alone, calls damaged."""
    import time

    from gateway.models.package import unpack
    from gateway.models.session import open_session
    from gateway.models.watchdog import Watchdog

    loaded = open_session(*unpack(package), Watchdog(), 10.0)
    scores = loaded.judge(blocks.windows, time.monotonic() + 60).scores
    conformal = loaded.package.manifest.trust.conformal
    half, level = conformal.q if conformal else 0.0, loaded.package.levels[0].on
    alarm, silent = scores - half >= level, np.abs(scores - level) < half
    lines = ["| damage | blocks | called damaged % | not answered % |", "|---|---|---|---|"]
    for size, kind in sorted({*zip(blocks.size.tolist(), blocks.fault.tolist(), strict=True)}):
        own = (blocks.size == size) & (blocks.fault == kind)
        what = "none (rate disputed)" if kind == "N" else f"{kind}, 0.0{int(size):02d} in"
        shares = f"{100 * alarm[own].mean():.1f} | {100 * silent[own].mean():.1f}"
        lines.append(f"| {what} | {own.sum()} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Print."""
    from scripts.train.bearing import OUT

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    blocks = load(options.data)
    print(f"{naming(blocks)}\n\n{finding(blocks, OUT)}")


if __name__ == "__main__":
    main()
