"""int8 versions of a model, by onnxruntime's own tools; they need the ``onnx`` package ([train]).

Runs where models are made, never on the gateway. Static quantisation calibrates on the package's
golden windows, through the same feature stage as in the worker.
"""

import importlib.util
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from gateway.errors import ModelError

Method = Literal["dynamic", "static"]
METHODS: Final[tuple[Method, ...]] = ("dynamic", "static")


def available() -> bool:
    """The tools are here."""
    return importlib.util.find_spec("onnx") is not None


def quantize(source: Path, out: Path, method: Method, feeds: "list[Mapping[str, Any]]") -> None:
    """Write an int8 version of a model file.

    Args:
        source: ``model.onnx``, checked.
        out: the new file.
        method: ``dynamic`` (weights only) or ``static`` (activations too).
        feeds: batches to calibrate on, input name -> array; for ``static``.

    Raises:
        ModelError: the tools are not here, or cannot do it with this model.
    """
    if not available():
        raise ModelError("quantising needs the onnx package: pip install 'edge-gateway[train]'")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime import quantization as tools

    logging.getLogger().setLevel(logging.ERROR)  # the tools advise on the root logger
    failures = (ValueError, RuntimeError, AttributeError, KeyError, TypeError, AssertionError)
    try:
        if method == "dynamic":
            tools.quantize_dynamic(source, out)
        else:
            tools.quantize_static(source, out, _Feeds(feeds), per_channel=True)
    except failures as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"{method}: onnxruntime's tools cannot quantise this: {said}") from error


class _Feeds:
    """A ``CalibrationDataReader``: one feed after the other, then None."""

    def __init__(self, feeds: "list[Mapping[str, Any]]") -> None:
        self._feeds: Iterator[Mapping[str, Any]] = iter(feeds)

    def get_next(self) -> Mapping[str, Any] | None:
        """The next feed."""
        return next(self._feeds, None)


def feeds(package: Path) -> "list[Mapping[str, Any]]":
    """The golden windows of a package as the graph takes them, one feed per window.

    Raises:
        PackageError: the package is refused.
    """
    import numpy as np

    from gateway.models import golden
    from gateway.models.features.compute import compute
    from gateway.models.fit import FLOATS
    from gateway.models.package import unpack

    found, contents = unpack(package)
    wanted, shape = found.manifest.input, found.shape
    vectors = golden.parse(contents[found.manifest.golden.file], found.manifest)
    cells = np.frombuffer(vectors.windows).reshape(-1, shape.length, len(shape.channels))
    rows = compute(wanted.features, cells, wanted.channels, wanted.vibration)
    batch = rows.astype(FLOATS[found.graph.inputs[0].dtype]).reshape(len(cells), *wanted.dims)
    return [{wanted.tensor: row[None]} for row in batch]
