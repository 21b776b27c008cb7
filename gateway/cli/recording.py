"""Golden vectors made by the model itself, in the worker that will have to reproduce them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.cli.trials import Trial, Windows, tried
from gateway.errors import ModelError
from gateway.models.contract import Manifest
from gateway.models.manifest import parse
from gateway.models.package import Package
from gateway.models.seal import seal

LOOSE: Final = {"rtol": 0.1, "atol": 1e300}
"""Limits while the outputs are being recorded: whatever is finite will do."""


def record(folder: Path, document: Mapping[str, Any], windows: Windows) -> Package:
    """Run the model of a folder on windows, write its golden vectors, and seal the package.

    Args:
        folder: holds ``model.onnx`` and what else belongs to the package.
        document: the manifest without ``files``; its ``golden`` names the file and the limits.
        windows: what the model is run on.

    Raises:
        ModelError: the package would be refused, or the model does not answer.
    """
    file, loose = document["golden"]["file"], {**document["golden"], **LOOSE}
    blank = json.dumps({**document, "golden": loose, "files": _UNREAD | {file: _UNREAD_FILE}})
    manifest = parse(blank.encode())
    _write(folder / file, windows, _zeros(manifest, len(windows)))
    seal(folder, {**document, "golden": loose})
    with tried(folder) as trial:
        outputs = _outputs(trial, windows)
    _write(folder / file, windows, outputs)
    package = seal(folder, document)
    with tried(folder):  # it must reproduce them
        return package


_UNREAD_FILE: Final = {"sha256": "0" * 64, "bytes": 1}
_UNREAD: Final = {"model.onnx": _UNREAD_FILE}
"""Stands for the files while only the manifest itself is checked."""


def _zeros(manifest: Manifest, count: int) -> dict[str, list[list[float]]]:
    channels = len(manifest.shape.channels)
    return {output.tensor: [[0.0] * output.width(channels)] * count for output in manifest.answers}


def _outputs(trial: Trial, windows: Windows) -> dict[str, list[list[float]]]:
    answers = trial.judge(windows)
    if bad := [answer.error for answer in answers if answer.error]:
        raise ModelError(f"the model does not answer on a golden window: {bad[0]}")
    return {
        output.tensor: [list(answer.outputs[output.tensor]) for answer in answers]
        for output in trial.package.manifest.answers
    }


def _write(file: Path, windows: Windows, outputs: Mapping[str, list[list[float]]]) -> None:
    vectors = {"windows": [list(window) for window in windows], "outputs": outputs}
    file.write_text(json.dumps(vectors), "utf-8")
