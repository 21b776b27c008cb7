"""Makes the shipped package ``traffic-anomaly``: is the message traffic of one source unusual?

Nothing in the graph is learnt here: it learns what is usual of each source where it runs. What was
chosen is its level, by hand, on the quiet days of ``scripts/score_traffic`` with another seed than
the one it judges. Deterministic: no seed, no clock.
"""

import argparse
from pathlib import Path

import numpy as np

from gateway.core.traffic import FEATURES, PERIOD_MS
from scripts.traffic.detector import SIZE, N, build, step
from scripts.train.emit import shortened, write
from scripts.train.sign import add_options, keys

VERSION, CREATED = "1.0.0", "2026-11-21"
PACKAGE = Path(__file__).parents[2] / "gateway/models/traffic-anomaly"
LEVEL = 6.0
WARMUP = 60


def manifest() -> dict[str, object]:
    """All but ``files`` and ``golden``."""
    period_s = PERIOD_MS / 1000
    return {
        "id": "traffic-anomaly",
        "version": VERSION,
        "task": "anomaly",
        "created": CREATED,
        "input": {
            "tensor": "features",
            "layout": "n,t,c",
            "channels": [{"name": one, "unit": "", "max_age_s": period_s} for one in FEATURES],
            "period_s": period_s,
            "window": 1,
            "min_coverage": 0.0,
        },
        "outputs": [{"tensor": "score", "meaning": "score"}],
        "decision": {"levels": [{"label": "unusual", "on": 1.0, "off": 0.5}]},
        "state": {
            "carried": [{"input": "state", "output": "next", "size": SIZE}],
            "warmup": WARMUP,
            "bridge": 0,
        },
        "calibration": {"per_asset": "none"},
        "explain": {"method": "none"},
        "licence": "Apache-2.0",
        "provenance": {
            "data": "none: it learns where it runs; the level on simulated traffic",
            "script": "scripts/train_traffic",
            "level": LEVEL,
        },
    }


def package(out: Path) -> None:
    """Write it."""
    rows = [np.zeros(N), np.full(N, 0.5), np.eye(N)[0] * 3, np.array([6, 5, 0, 2, 1, 0, 3, 0])]
    windows = shortened(np.array(rows, dtype=np.float64)[:, np.newaxis, :])
    said, following = step(windows[:, 0, :], np.zeros((len(windows), SIZE)), LEVEL)
    card = Path(__file__).with_name("traffic_card.md").read_text("utf-8")
    outputs = {"score": said[:, np.newaxis], "next": following}
    write(out, build(LEVEL), manifest(), card.format(level=LEVEL, warmup=WARMUP), windows, outputs)


def main() -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE)
    add_options(parser)
    options = parser.parse_args()
    signer = keys(options)
    package(options.out)
    signer.sign(options.out)


if __name__ == "__main__":
    main()
