"""Packages that look at the newest temperature of the pump alone: one row of one channel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.models import make


def package(
    folder: Path, version: str, on: float = 90.0, *, plus: float = 0.0, **other: Any
) -> Path:
    """score = temperature + plus, judged 50 times a second on the last value; alarm from ``on``."""
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat plus", "score"),
    ]
    model = make.model(nodes, [make.tensor("plus", [[plus]])], window=("n", 1, 1))
    return write(folder, version, model, on, **other)


def write(
    folder: Path,
    version: str,
    model: Any,
    on: float = 90.0,
    *,
    period_s: float = 0.02,
    channel: Mapping[str, object] | None = None,
    **other: Any,
) -> Path:
    """A package of this model; ``channel``: what else is said of its channel."""
    known = {"name": "temperature", "unit": "degC", "max_age_s": 600, **(channel or {})}
    shape = {"channels": [known], "period_s": period_s, "window": 1, "min_coverage": 0}
    levels = [{"label": "alarm", "on": on, "off": on}]
    make.write(
        folder,
        make.Recipe(model, rows=1, channels=1, golden=[[[0.02]]], levels=levels),
        version=version,
        input={"tensor": "window", "layout": "n,t,c", **shape},
        **other,
    )
    return folder
