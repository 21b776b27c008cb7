"""Trains the shipped package ``pump-anomaly`` on the simulated plant, healthy pumps only.

Deterministic: fixed seeds, no clock. The plant is ``gateway.demo.plant``; a fault is never seen
in training, only in the golden vectors.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gateway.demo.plant import PUMPS, Plant, Row
from scripts.train.datasets import Floats
from scripts.train.distance import Distance, Smoothing, precision
from scripts.train.package import Trained, write

ROOT = Path(__file__).parents[2]
OUT = ROOT / "gateway/demo/packages/pump-anomaly"
VERSION, CREATED = "1.0.1", "2026-11-21"

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
    options = parser.parse_args()
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
            channels=[
                {"name": name, "unit": unit, "max_age_s": 5.0, "range": list(limits)}
                for name, (unit, limits) in CHANNELS.items()
            ],
            period_s=1.0,
            level_off=0.8,
            golden=golden(),
            licence="Apache-2.0",
            card=(Path(__file__).with_name("plant_card.md")).read_text("utf-8"),
            min_coverage=0.5,
            explain=usual(),
            provenance={"data": "gateway.demo.plant, healthy", "script": "scripts/train_demo"},
        ),
        out,
    )
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {package.manifest.id} {package.manifest.version}, {size} bytes")


if __name__ == "__main__":
    main()
