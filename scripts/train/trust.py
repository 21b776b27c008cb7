"""What a package says of its own limits: dead sensors, training range, uncertainty.

What a model errs by is measured on parts that did not train it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np

from gateway.models.files import MANIFEST
from gateway.models.seal import seal
from scripts.train.datasets import Floats

CARD = "MODEL_CARD.md"
FLAT_FACTOR = 3
"""A sensor is dead after so many times its longest healthy standstill."""
LEAST_FLAT = 5
"""And after so many rows at least."""


def half_width(residuals: Floats, coverage: float) -> float:
    """Half the interval that covers so many of the residuals, and of one more (split conformal).

    Raises:
        ValueError: there are too few residuals to promise that.
    """
    rank = ceil((len(residuals) + 1) * coverage)
    if rank > len(residuals):
        raise ValueError(f"{len(residuals)} residuals cannot promise {coverage:g}")
    return float(np.sort(np.abs(residuals))[rank - 1])


def quantiles(residuals: Floats, coverages: Sequence[float]) -> dict[str, float]:
    """``residual_quantiles`` of a manifest."""
    return {f"{c:g}": float(f"{half_width(residuals, c):.4g}") for c in coverages}


def standstill(histories: Sequence[Floats]) -> list[int]:
    """Per column of n x c, the longest run of the very same value, in rows."""
    longest = np.zeros(histories[0].shape[1], dtype=np.int64)
    for rows in histories:
        for column, values in enumerate(rows.T):
            changes = np.flatnonzero(np.diff(values)) + 1
            runs = np.diff(np.r_[0, changes, len(values)])
            longest[column] = max(longest[column], runs.max())
    return [int(rows) for rows in longest]


def flatlines(histories: Sequence[Floats], period_s: float) -> list[float]:
    """``flatline_s`` per column."""
    return [
        float(f"{max(FLAT_FACTOR * rows, LEAST_FLAT) * period_s:.6g}")
        for rows in standstill(histories)
    ]


def outside(windows: Floats, limits: Floats) -> Floats:
    """Of n x rows x channels, the share of each window's cells beyond 2 x channels limits."""
    low, high = limits
    share: Floats = ((windows < low) | (windows > high)).mean(axis=(1, 2))
    return share


def with_stress(package: Path, windows: Floats, labels: Sequence[str]) -> str:
    """Add what ``edge-gateway model stress`` says to the package's card; and seal it again.

    Raises:
        CalledProcessError: the command failed.
        PackageError: the gateway would refuse the package.
    """
    found = stress(package, windows, labels)
    card = package / CARD
    card.write_text(f"{card.read_text('utf-8').rstrip()}\n\n{found}\n", "utf-8")
    document: Mapping[str, object] = json.loads((package / MANIFEST).read_text("utf-8"))
    seal(package, {key: value for key, value in document.items() if key != "files"})
    return found


def stress(package: Path, windows: Floats, labels: Sequence[str]) -> str:
    """What the command prints for the card.

    Raises:
        CalledProcessError: the command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "windows.json"
        file.write_text(json.dumps({"windows": windows.tolist(), "labels": list(labels)}), "utf-8")
        command = [sys.executable, "-m", "gateway", "model", "stress", str(package), "--card"]
        done = subprocess.run(
            [*command, "--windows", str(file)], check=True, capture_output=True, text=True
        )
    return done.stdout.strip()
