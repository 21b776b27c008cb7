"""Writes a model package: graph, golden vectors, card, manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gateway.models.package import Package
from gateway.models.seal import seal
from scripts.train.datasets import Floats
from scripts.train.distance import Distance
from scripts.train.graph import build

GOLDEN_DIGITS = 4
"""Significant digits of a golden window: short to read, and exact once read back."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and what its manifest must say of it."""

    id: str
    version: str
    created: str
    model: Distance
    channels: Sequence[Mapping[str, object]]
    """As in the manifest."""
    period_s: float
    level_off: float
    """The level that clears, of the 1 that raises."""
    golden: Floats
    """windows x rows x channels."""
    licence: str
    card: str
    """Markdown."""
    min_coverage: float = 0.8
    calibration_rows: int = 0
    """0: the model takes engineering units as they are."""
    provenance: Mapping[str, object] = field(default_factory=dict)
    explain: Mapping[str, object] = field(default_factory=dict)
    """As in the manifest: what is usual, for the words of an explanation."""
    trust: Mapping[str, object] = field(default_factory=dict)
    """``uncertainty`` and ``ood``, as in the manifest."""


def write(trained: Trained, out: Path) -> Package:
    """Write the package into a directory, which is made; and check it as the gateway will.

    Raises:
        PackageError: the gateway would refuse it.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(build(trained.model))
    (out / "golden.json").write_text(_golden(trained), "utf-8")
    (out / "MODEL_CARD.md").write_text(trained.card, "utf-8")
    return seal(out, _manifest(trained))


def contributions(model: Distance, window: Floats) -> Floats:
    """Each channel's part of the squared score of one window (rows x channels)."""
    smooth = model.smoothing.apply((window - model.mean) / model.sd)[0]
    parts: Floats = smooth * (smooth @ model.precision)
    return parts


def _manifest(trained: Trained) -> dict[str, object]:
    rows = trained.calibration_rows
    calibration = {"per_asset": "mean_sd", "rows": rows} if rows else {"per_asset": "none"}
    return {
        "schema": 1,
        "id": trained.id,
        "version": trained.version,
        "task": "anomaly",
        "created": trained.created,
        "input": {
            "tensor": "window",
            "layout": "n,t,c",
            "features": "raw",
            "channels": list(trained.channels),
            "period_s": trained.period_s,
            "window": trained.model.smoothing.length,
            "stride": 1,
            "min_coverage": trained.min_coverage,
        },
        "outputs": [
            {"tensor": "score", "meaning": "score"},
            {"tensor": "contributions", "meaning": "residuals"},
        ],
        "decision": {
            "raises": "above",
            "levels": [{"label": "alarm", "on": 1.0, "off": trained.level_off}],
        },
        "calibration": calibration,
        "golden": {"file": "golden.json", "rtol": 1e-3, "atol": 1e-4},
        "licence": trained.licence,
        "provenance": dict(trained.provenance),
        **({"explain": dict(trained.explain)} if trained.explain else {}),
        **trained.trust,
    }


def _golden(trained: Trained) -> str:
    """Windows and outputs, computed here with numpy: the graph must agree with the mathematics."""
    windows = [
        [[float(f"{value:.{GOLDEN_DIGITS}g}") for value in row] for row in window]
        for window in trained.golden
    ]
    parts = [contributions(trained.model, np.array(window)) for window in windows]
    outputs = {
        "score": [round(float(np.sqrt(max(part.sum(), 0.0))), 6) for part in parts],
        "contributions": [[round(float(value), 6) for value in part] for part in parts],
    }
    return json.dumps({"windows": windows, "outputs": outputs}, separators=(",", ":")) + "\n"
