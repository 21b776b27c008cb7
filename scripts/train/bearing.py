"""Trains the shipped package ``bearing-vibration`` on simulated bearings.

A healthy bearing: noise of any colour, the shaft and its harmonics, and tones that beat and swell
with the shaft. A damaged one: the same, and knocks at the order of the damaged part, each ringing a
resonance, with the slip of the rolling elements, modulated by the load where the part turns. Gain
and resonance are drawn anew for every block: no level can be learnt, only the shape of a knock.
Deterministic: fixed seeds, no clock.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gateway.models.features.compute import compute
from gateway.models.features.presets import Vibration
from scripts.train import trees
from scripts.train.costs import Costs, Trace, choose
from scripts.train.emit import shortened, write
from scripts.train.sign import add_options, keys
from scripts.train.trust import half_width, with_stress

if TYPE_CHECKING:
    import lightgbm

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

OUT = Path(__file__).parents[2] / "gateway/demo/packages/bearing-vibration"
VERSION, CREATED = "1.1.0", "2026-11-21"
RATE_HZ, SAMPLES = 12_000.0, 4_096
CHANNELS = ("acceleration", "speed")
PARTS = {"outer": 3.5848, "inner": 5.4152, "ball": 4.7135}
"""Damaged part -> knocks a turn, of a 6205: from its geometry."""
SETTINGS = Vibration(
    rate_hz=RATE_HZ,
    bands_hz=((0, 500), (500, 1500), (1500, 3000), (3000, 4500), (4500, 6000)),
    orders=(1.0, *PARTS.values()),
    envelope_hz=(1500, 5500),
    speed="speed",
)
BOOSTING = {
    "num_leaves": 8,
    "learning_rate": 0.1,
    "n_estimators": 80,
    "min_child_samples": 40,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
    "random_state": 0,
}
MACHINES, BLOCKS = 400, 8
"""Simulated bearings, and blocks of each: all of a bearing trains, or all of it judges."""
MISSED = 0.1
"""Of the blocks of damaged bearings, how many may be called healthy: below that the model is
silent."""
SLOWER, FASTER = 0.95, 1.05
"""Of the slowest and the fastest simulated shaft: outside it is not asked."""
SLOWEST, FASTEST = 900.0, 3_000.0
COSTS = Costs(miss=3.0, false_alarm=1.0)
DIMENSIONLESS = ("crest", "kurtosis", "order_")


def block(random: np.random.Generator, part: str, speed_rpm: float, severity: float) -> Floats:
    """Samples of a bearing; ``part`` is empty for a healthy one."""
    time = np.arange(SAMPLES) / RATE_HZ
    noise = random.normal(0, 1, SAMPLES)
    colour = random.uniform(0, 0.9)
    found = noise - colour * np.r_[0.0, noise[:-1]]
    turn = speed_rpm / 60
    for harmonic in range(1, 5):
        swing = random.exponential(1.0) / harmonic
        found += swing * np.sin(2 * np.pi * harmonic * turn * time + random.uniform(0, 6.28))
    for _ in range(random.integers(0, 12)):  # whatever else hums; two of them beat
        tone = random.uniform(40, RATE_HZ / 2)
        swing = random.exponential(0.7) * (
            1
            + random.uniform(0, 0.8)
            * np.sin(2 * np.pi * turn * random.integers(1, 4) * time + random.uniform(0, 6.28))
        )
        found += swing * np.sin(2 * np.pi * tone * time + random.uniform(0, 6.28))
    if part:
        found += severity * _knocks(random, part, turn)
    gain: float = 10 ** random.uniform(-2, 1)
    return gain * found


def _knocks(random: np.random.Generator, part: str, turn: float) -> Floats:
    resonance, decay = random.uniform(2000, 5000), random.uniform(400, 1500)
    tail = np.arange(int(RATE_HZ * 0.008)) / RATE_HZ
    ring = np.exp(-decay * tail) * np.sin(2 * np.pi * resonance * tail)
    knocks = np.zeros(SAMPLES + len(tail))
    gap = random.uniform(0.985, 1.005) / (PARTS[part] * turn)
    at = random.uniform(0, gap)
    while (row := int(at * RATE_HZ)) < SAMPLES:
        load = 1 + 0.9 * np.sin(2 * np.pi * turn * at) if part == "inner" else 1.0
        knocks[row : row + len(tail)] += load * random.uniform(0.7, 1.3) * ring
        at += gap * random.normal(1, 0.01)
    return knocks[:SAMPLES]


def machine(seed: int) -> tuple[Floats, str]:
    """Blocks of one bearing, blocks x samples x channels; and its damaged part."""
    random = np.random.default_rng(seed)
    part = ("", *PARTS)[random.choice(4, p=(0.5, 0.2, 0.15, 0.15))]
    severity = random.uniform(1.5, 10)
    speed = random.uniform(SLOWEST, FASTEST)
    blocks = []
    for _ in range(BLOCKS):
        rpm = speed * random.normal(1, 0.01)
        samples = block(random, part, rpm, severity)
        blocks.append(np.column_stack([samples, np.full(SAMPLES, rpm)]))
    return np.stack(blocks), part


def features(windows: Floats) -> npt.NDArray[np.float32]:
    """What the worker computes."""
    return compute("vibration", windows, CHANNELS, SETTINGS).astype(np.float32)


def _plain(found: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Features with a unit set to 0: a level of another sensor must not count."""
    kept = np.array([name.startswith(DIMENSIONLESS) for name in SETTINGS.names()])
    return np.where(kept, found, np.float32(0))


def bearings(seeds: range) -> list[tuple[npt.NDArray[np.float32], bool]]:
    """(features of the blocks, damaged) of each bearing."""
    made = (machine(seed) for seed in seeds)
    return [(features(blocks), bool(part)) for blocks, part in made]


def train(seeds: range = range(MACHINES)) -> "lightgbm.LGBMClassifier":
    """Learn to tell damaged from healthy."""
    import lightgbm

    known = bearings(seeds)
    cells = np.concatenate([_plain(found) for found, _ in known])
    marks = np.concatenate([np.full(len(found), damaged) for found, damaged in known])
    return lightgbm.LGBMClassifier(**BOOSTING).fit(cells, marks)


def level(model: "lightgbm.LGBMClassifier", seeds: range) -> float:
    """The cheapest level on bearings that were not trained on."""
    traces = [
        Trace(model.booster_.predict(found), np.full(len(found), damaged))
        for found, damaged in bearings(seeds)
    ]
    return round(min(max(choose(traces, COSTS), 0.5), 0.95), 2)


def doubtful(model: "lightgbm.LGBMClassifier", alarm: float, seeds: range) -> tuple[float, float]:
    """(decision level, half the interval): between level - half and level + half it is silent.

    Split conformal for each class by itself: above the upper end lie as few healthy blocks as the
    costs bear (that is ``alarm``), below the lower end at most ``MISSED`` of the damaged ones.
    """
    ill = [model.booster_.predict(found) for found, damaged in bearings(seeds) if damaged]
    lower = 1 - half_width(1 - np.concatenate(ill), 1 - MISSED)
    if lower >= alarm:  # both classes lie apart: nothing is in doubt
        return alarm, 0.0
    return round((alarm + lower) / 2, 3), round((alarm - lower) / 2, 3)


def judged(model: "lightgbm.LGBMClassifier", alarm: float, lower: float, seeds: range) -> str:
    """How it does on bearings that chose nothing."""
    known = [(model.booster_.predict(found), damaged) for found, damaged in bearings(seeds)]
    shares: dict[bool, list[float]] = {True: [], False: []}
    silent: dict[bool, list[float]] = {True: [], False: []}
    for scores, damaged in known:
        shares[damaged].append(float(np.mean(scores >= alarm)))
        silent[damaged].append(float(np.mean((scores > lower) & (scores < alarm))))
    well, ill = np.array(shares[False]), np.array(shares[True])
    return (
        f"{len(ill)} damaged bearings it never saw: {100 * ill.mean():.1f} ± {100 * ill.std():.1f} "
        f"% of the blocks called damaged, {100 * np.mean(silent[True]):.1f} % not answered, "
        f"{int(np.sum(ill == 0))} bearings missed; {len(well)} "
        f"healthy ones: {100 * well.mean():.2f} ± {100 * well.std():.2f} %, "
        f"{100 * np.mean(silent[False]):.1f} % not answered"
    )


def stressed(seeds: range) -> tuple[Floats, list[str]]:
    """A block each of bearings that trained nothing, and the true labels."""
    made = [machine(seed) for seed in seeds]
    blocks = shortened(np.stack([found[0] for found, _ in made]), 4)
    return blocks, ["alarm" if part else "normal" for _, part in made]


def usual(seeds: range) -> dict[str, dict[str, object]]:
    """What features are on healthy bearings: the median, and where nine of ten lie."""
    well = np.concatenate([found for found, damaged in bearings(seeds) if not damaged])
    spans: dict[str, object] = {}
    middles: dict[str, object] = {}
    for name, column in zip(SETTINGS.names(), well.T, strict=True):
        low, middle, high = (float(f"{v:.3g}") for v in np.quantile(column, (0.05, 0.5, 0.95)))
        middles[f"acceleration.{name}"] = middle
        if name.startswith(DIMENSIONLESS):  # a level of another sensor says nothing
            spans[f"acceleration.{name}"] = [low, high]
    return {"baseline": middles, "usual": spans}


def package(out: Path) -> str:
    """Train, judge, write."""
    model = train()
    alarm = level(model, range(1_000, 1_080))
    on, half = doubtful(model, alarm, range(1_000, 1_080))
    found = judged(model, alarm, on - half, range(2_000, 2_160))
    golden = shortened(np.stack([machine(3_000)[0][0], machine(3_003)[0][0]]), 4)
    said = model.booster_.predict(features(golden))
    graph = trees.classes(list(trees.boosted(model.booster_)), len(SETTINGS.names()))
    manifest = {
        "id": "bearing-vibration",
        "version": VERSION,
        "task": "class",
        "created": CREATED,
        "input": {
            "tensor": "features",
            "layout": "n,f",
            "features": "vibration",
            "channels": [
                {"name": "acceleration", "unit": "m/s2", "signal": {"rate_hz": RATE_HZ}},
                {"name": "speed", "unit": "/min", "range": [60, 20_000], "max_age_s": 60},
            ],
            "period_s": 1,
            "window": SAMPLES,
            "vibration": {
                "rate_hz": RATE_HZ,
                "bands_hz": [list(band) for band in SETTINGS.bands_hz],
                "orders": list(SETTINGS.orders),
                "envelope_hz": list(SETTINGS.ringing_hz),
                "speed": SETTINGS.speed,
            },
        },
        "outputs": [
            {
                "tensor": "probabilities",
                "meaning": "probabilities",
                "labels": ["healthy", "damaged"],
                "score_of": "damaged",
            }
        ],
        "decision": {"levels": [{"label": "alarm", "on": on, "off": on}]},
        "uncertainty": {
            "method": "conformal",
            "residual_quantiles": {f"{1 - MISSED:g}": half},
            "calibrated_on": "80 simulated bearings, of which none trained: each class by itself",
        },
        "ood": {
            "method": "range",
            "limits": {"speed": [SLOWER * SLOWEST, FASTER * FASTEST]},
            "max_share": 0.0,
        },
        "explain": usual(range(4_000, 4_080)),
        "licence": "Apache-2.0",
        "provenance": {
            "data": "simulated bearings",
            "script": "scripts/train_bearing",
            "judged": found,
            "costs": {"miss": COSTS.miss, "false_alarm": COSTS.false_alarm},
        },
    }
    card = Path(__file__).with_name("bearing_card.md").read_text("utf-8")
    outputs = {"probabilities": np.column_stack([1 - said, said])}
    card = card.format(found=found, alarm=alarm, lower=round(on - half, 3))
    write(out, graph, manifest, card, golden, outputs)
    with_stress(out, *stressed(range(5_000, 5_040)))
    return f"{out}: {len(graph)} bytes of ONNX\nalarm at {alarm}; {found}"


def main() -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    add_options(parser)
    options = parser.parse_args()
    signer = keys(options)
    print(package(options.out))
    signer.sign(options.out)


if __name__ == "__main__":
    main()
