"""Trains an anomaly package for a pump from a recording of its normal running, and nothing else.

The recording is cut into pretended experiments: the first rows of each calibrate (mean and standard
deviation per channel, by ``gateway.core.calibration``, as the daemon will on each asset), the rest
shows how far a healthy pump wanders from there. The spread of the rest gives the model; the
decision level is where one in a thousand rows of the calibration time itself would lie. No fault,
no label and no other recording is looked at.

Temperatures are left out: they rise for an hour after every start, and what a model learns from
them is how long the pump has been running.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gateway.core.calibration import Calibration
from scripts.train.datasets import Floats, Run, runs
from scripts.train.distance import Distance, Smoothing, precision
from scripts.train.package import Trained, write
from scripts.train.sign import add_options, keys
from scripts.train.trust import flatlines

CHANNELS = ("vibration_1", "vibration_2", "current", "pressure", "voltage", "flow")
SMOOTHING = Smoothing(decay=0.1, length=30, clip=4.0)
RIDGE = 0.3
CALIBRATION_ROWS = 400
EXPERIMENT_ROWS, EXPERIMENT_STEP = 1150, 150
QUANTILE = 0.999
VERSION, CREATED = "1.0.0", "2026-11-21"
GOLDEN_ENDS = (430, 700, 1000)

Standardise = Callable[[Floats], Floats]
"""A run, calibrated on its own first rows."""


def standardised(rows: Floats, calibration_rows: int = CALIBRATION_ROWS) -> Floats:
    """A run as the daemon standardises it: calibrated on its own first rows."""
    calibration = Calibration(calibration_rows, rows.shape[1])
    for row in rows[:calibration_rows]:
        calibration.add(row.tolist())
    done: Floats = (rows - np.array(calibration.mean)) / np.array(calibration.sd)
    return done


def experiments(normal: Floats, standardise: Standardise = standardised) -> list[Floats]:
    """Overlapping pieces of the recording, each calibrated on its own first rows.

    Raises:
        ValueError: the recording is shorter than one piece.
    """
    starts = range(0, len(normal) - EXPERIMENT_ROWS + 1, EXPERIMENT_STEP)
    if not starts:
        raise ValueError(f"{len(normal)} rows: at least {EXPERIMENT_ROWS} are needed")
    return [standardise(normal[start : start + EXPERIMENT_ROWS]) for start in starts]


def train(normal: Floats, standardise: Standardise = standardised) -> Distance:
    """Learn what is normal from n x channels rows of it."""
    pieces = experiments(normal, standardise)
    smooth = [SMOOTHING.apply(rows) for rows in pieces]
    calm = CALIBRATION_ROWS - SMOOTHING.length + 1
    zeros, ones = np.zeros(normal.shape[1]), np.ones(normal.shape[1])
    wander = precision(np.concatenate([rows[calm:] for rows in smooth]), RIDGE)
    model = Distance(SMOOTHING, zeros, ones, wander)
    scores = [model.score(rows[:CALIBRATION_ROWS]) for rows in pieces]
    return model.scaled(float(np.quantile(np.concatenate(scores), QUANTILE)))


def golden(normal: Floats) -> Floats:
    """Windows of the recording, calibrated, one of them with the flow fallen by five sd."""
    rows = standardised(normal[:EXPERIMENT_ROWS])
    windows = [rows[end - SMOOTHING.length : end].copy() for end in (*GOLDEN_ENDS, GOLDEN_ENDS[0])]
    windows[-1][:, CHANNELS.index("flow")] -= 5.0
    return np.stack(windows)


def package(
    recordings: Sequence[Run], out: Path, period_s: float, rows: int = CALIBRATION_ROWS
) -> None:
    """Train and write.

    Args:
        recordings: of normal running.
        out: the package's directory, to be made.
        period_s: between two rows, where the package will be used.
        rows: how many each asset is calibrated on there.

    Raises:
        ValueError: the recording is too short.
        PackageError: the gateway would refuse the package.
    """
    normal = np.concatenate([run.columns(CHANNELS) for run in recordings])
    units = recordings[0].units
    flats = flatlines([run.columns(CHANNELS) for run in recordings], period_s)
    write(
        Trained(
            id="pump-testbed",
            version=VERSION,
            created=CREATED,
            model=train(normal),
            channels=[
                {
                    "name": name,
                    "unit": units[name],
                    "max_age_s": 10 * period_s,
                    "flatline_s": flat,
                }
                for name, flat in zip(CHANNELS, flats, strict=True)
            ],
            period_s=period_s,
            level_off=1.0,
            golden=golden(normal),
            licence="GPL-3.0-only",
            card=(Path(__file__).with_name("pump_card.md")).read_text("utf-8"),
            calibration_rows=rows,
            provenance={
                "data": [run.name for run in recordings],
                "rows": len(normal),
                "script": "scripts/train_pump",
            },
        ),
        out,
    )


def main() -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the anomaly-free recording(s)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--period", type=float, default=1.0, help="seconds between rows; at 50 times the speed 0.02"
    )
    parser.add_argument(
        "--calibration",
        type=int,
        default=CALIBRATION_ROWS,
        metavar="ROWS",
        help="what each asset is calibrated on: 400 in the test bed's protocol, better an hour",
    )
    add_options(parser)
    options = parser.parse_args()
    signer = keys(options)
    recordings = list(runs(options.data))
    package(recordings, options.out, options.period, options.calibration)
    rows = sum(len(run.values) for run in recordings)
    print(f"{options.out}: trained on {rows} rows of normal running")
    signer.sign(options.out)


if __name__ == "__main__":
    main()
