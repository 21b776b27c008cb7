"""Trains the shipped package ``pump-anomaly`` on the simulated plant, healthy pumps only.

Deterministic: fixed seeds, no clock. The plant is ``gateway.demo.plant``; a fault is never seen
in training, only in the golden vectors.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gateway.demo.plant import PUMPS, Plant, Row, simulate
from scripts.train.datasets import Floats
from scripts.train.distance import Distance, Smoothing, precision
from scripts.train.package import Trained, write
from scripts.train.sign import add_options, keys
from scripts.train.trust import flatlines, quantiles, with_stress

ROOT = Path(__file__).parents[2]
OUT = ROOT / "gateway/demo/packages/pump-anomaly"
VERSION, CREATED = "1.1.0", "2026-11-21"

CHANNELS = {
    "power": ("W", (0.0, 4000.0)),
    "flow": ("l/min", (0.0, 500.0)),
    "temperature": ("degC", (-40.0, 150.0)),
    "vibration": ("mm/s", (0.0, 50.0)),
}
"""Channel -> unit and the range of its sensor."""
LATE = {"power": 0.05, "flow": 0.25, "temperature": 0.12, "vibration": 0.12}
"""How often a row repeats the value before: radios do not report on the grid (0.8 to 1.2 s)."""
SMOOTHING = Smoothing(decay=0.3, length=8, clip=20.0)
RIDGE = 0.1
MARGIN = 1.5
"""The decision level over the largest distance of training."""
SEEDS = range(100, 112)
SECONDS = 900
"""Of each seed: three simulated hours in all, of three pumps."""
TURNING = 0.1
"""Of the least power of a healthy pump: below it nothing turns, and there is nothing to judge."""
UNSURE_SEEDS = range(300, 340)
WEAR_START_S, WORN_S = 30, 75
NEAR = (0.5, 2.0)
"""Scores about the decision level: only there does the interval decide anything."""
COVERAGES = (0.8, 0.9, 0.95)
STRESS_SEEDS = range(7_000, 7_020)
STRESS_ENDS = (10, 15, 20, 25, 30, 40, 45, 50, 55, 60)
"""Windows of each, before the first damage and from ten seconds after it."""


def history(rows: Sequence[Row]) -> Floats:
    """What the sensors show: n x channels, rounded as the devices round."""
    digits = {"power": 1, "flow": 1, "temperature": 1, "vibration": 2}
    return np.array(
        [[round(getattr(row, name), digits[name]) for name in CHANNELS] for row in rows]
    )


def histories(seed: int, seconds: int) -> Iterator[Floats]:
    """The healthy pumps of one plant."""
    plant = Plant(seed)
    seen: dict[str, list[Row]] = {name: [] for name in PUMPS}
    for _ in range(seconds):
        plant.step(1.0)
        for name, pump in plant.pumps.items():
            seen[name].append(pump.row)
    yield from (late(history(rows), seed) for rows in seen.values())


def late(rows: Floats, seed: int) -> Floats:
    """Let values arrive a row late now and then, as they do over the air."""
    random = np.random.default_rng(seed)
    held = rows.copy()
    for column, share in enumerate(LATE.values()):
        for i in np.flatnonzero(random.random(len(rows)) < share).tolist():
            held[i, column] = held[max(i - 1, 0), column]
    return held


def usual() -> dict[str, object]:
    """What healthy pumps show: mean, and 99 of 100 values, per channel."""
    values = np.concatenate([rows for seed in SEEDS for rows in histories(seed, SECONDS)])
    low, high = np.quantile(values, (0.005, 0.995), axis=0).round(2).tolist()
    means = values.mean(axis=0).round(2).tolist()
    return {
        "method": "residuals",
        "baseline": dict(zip(CHANNELS, means, strict=True)),
        "usual": {name: [a, b] for name, a, b in zip(CHANNELS, low, high, strict=True)},
    }


def train() -> Distance:
    """Learn what healthy pumps look like."""
    healthy = [rows for seed in SEEDS for rows in histories(seed, SECONDS)]
    everything = np.concatenate(healthy)
    mean, sd = everything.mean(axis=0), everything.std(axis=0)
    smooth = np.concatenate([SMOOTHING.apply((rows - mean) / sd) for rows in healthy])
    model = Distance(SMOOTHING, mean, sd, precision(smooth, RIDGE))
    return model.scaled(MARGIN * max(float(model.score(rows).max()) for rows in healthy))


def trust(model: Distance) -> dict[str, object]:
    """When the model must not answer.

    ``ood`` is no limit of what was seen in training: what is unlike that is what the model is there
    to find. It is where the pump does not run (no power), and the ends of the sensors.
    ``uncertainty``: what a score near the level changes by when rows come late, as they do.
    """
    off, scores = [], []
    for seed in UNSURE_SEEDS:
        rows = history(simulate(seed, WORN_S, 1.0, WEAR_START_S))
        on_time = model.score(rows)
        off.append(model.score(late(rows, seed)) - on_time)
        scores.append(on_time)
    every, change = np.concatenate(scores), np.concatenate(off)
    near = (every > NEAR[0]) & (every < NEAR[1])
    known = np.concatenate([rows for seed in SEEDS for rows in histories(seed, SECONDS)])
    lowest = float(known[:, list(CHANNELS).index("power")].min())
    limits = {name: list(ends) for name, (_, ends) in CHANNELS.items()}
    return {
        "uncertainty": {
            "method": "conformal",
            "residual_quantiles": quantiles(change[near], COVERAGES),
            "coverage": 0.9,
            "calibrated_on": f"{len(UNSURE_SEEDS)} simulated pumps that wear out, "
            f"{int(near.sum())} windows about the level: the same seconds with and without late "
            "rows",
        },
        "ood": {
            "method": "range",
            "limits": limits | {"power": [round(TURNING * lowest, 1), CHANNELS["power"][1][1]]},
            "max_share": 0.0,
        },
    }


def channels() -> list[dict[str, object]]:
    """As in the manifest."""
    healthy = [rows for seed in SEEDS for rows in histories(seed, SECONDS)]
    return [
        {"name": name, "unit": unit, "max_age_s": 5.0, "flatline_s": flat, "range": list(limits)}
        for (name, (unit, limits)), flat in zip(
            CHANNELS.items(), flatlines(healthy, 1.0), strict=True
        )
    ]


def stressed() -> tuple[Floats, list[str]]:
    """Windows of pumps that trained nothing, and their true labels."""
    windows, labels = [], []
    for seed in STRESS_SEEDS:
        rows = late(history(simulate(seed, WORN_S, 1.0, WEAR_START_S)), seed)
        for end in STRESS_ENDS:
            windows.append(rows[end - SMOOTHING.length : end])
            labels.append("normal" if end <= WEAR_START_S else "alarm")
    return np.stack(windows), labels


def golden() -> Floats:
    """Three healthy windows and three of a bearing on its way down."""
    plant = Plant(7, wear_start_s=30.0)
    rows = []
    for _ in range(60):
        plant.step(1.0)
        rows.append(plant.pumps["pump-7"].row)
    values = history(rows)
    return np.stack([values[end - SMOOTHING.length : end] for end in (10, 20, 30, 40, 50, 60)])


def main() -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--figures", action="store_true", help="only judge plants it never saw")
    add_options(parser)
    options = parser.parse_args()
    signer = keys(options)
    model = train()
    if options.figures:
        from scripts.train.figures import report

        print(report(model))
        return
    out: Path = options.out
    package = write(
        Trained(
            id="pump-anomaly",
            version=VERSION,
            created=CREATED,
            model=model,
            channels=channels(),
            period_s=1.0,
            level_off=0.8,
            golden=golden(),
            licence="Apache-2.0",
            card=(Path(__file__).with_name("plant_card.md")).read_text("utf-8"),
            min_coverage=0.5,
            explain=usual(),
            trust=trust(model),
            provenance={"data": "gateway.demo.plant, healthy", "script": "scripts/train_demo"},
        ),
        out,
    )
    with_stress(out, *stressed())
    signer.sign(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {package.manifest.id} {package.manifest.version}, {size} bytes")


if __name__ == "__main__":
    main()
