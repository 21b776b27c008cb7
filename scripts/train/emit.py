"""Writes a package of any model: graph, golden vectors, card, manifest."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gateway.models.package import Package
from gateway.models.seal import seal
from scripts.train.datasets import Floats


def shortened(windows: Floats, digits: int = 5) -> Floats:
    """Golden windows as the file will hold them: significant digits, exact once read back."""
    short = np.array([float(f"{value:.{digits}g}") for value in windows.ravel()])
    return short.reshape(windows.shape)


def write(
    out: Path,
    graph: bytes,
    manifest: Mapping[str, object],
    card: str,
    windows: Floats,
    outputs: Mapping[str, Floats],
) -> Package:
    """Write the package into a directory, which is made; and check it as the gateway will.

    Args:
        out: the directory.
        graph: ``model.onnx``.
        manifest: without ``files`` and ``golden``.
        card: Markdown.
        windows: golden windows, n x rows x channels, ``shortened``.
        outputs: what the trained model said of them, by the library that trained it.

    Raises:
        PackageError: the gateway would refuse it.
    """
    out.mkdir(parents=True, exist_ok=True)
    golden = {
        "windows": windows.tolist(),
        "outputs": {name: np.round(values, 6).tolist() for name, values in outputs.items()},
    }
    (out / "model.onnx").write_bytes(graph)
    text = json.dumps(golden, separators=(",", ":"))
    (out / "golden.json").write_text(text + "\n", "utf-8")
    (out / "MODEL_CARD.md").write_text(card, "utf-8")
    tolerance = {"file": "golden.json", "rtol": 1e-3, "atol": 1e-3}
    return seal(out, {"schema": 1, **manifest, "golden": tolerance})
