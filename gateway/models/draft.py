"""The first draft of a manifest: what the graph itself says, before anybody is asked.

The graph knows names, types and dimensions of its tensors. It does not know what the numbers are.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.errors import ModelError
from gateway.models.features.presets import Preset, count
from gateway.models.fit import INTEGERS
from gateway.models.graph import Graph, Tensor


def layout(graph: Graph) -> tuple[str, str, int | None, int | None]:
    """Name of the input, layout, rows and columns of a window as far as the graph fixes them.

    Raises:
        ModelError: it has several inputs, or one that is no window.
    """
    names = ", ".join(tensor.name for tensor in graph.inputs)
    if len(graph.inputs) != 1:
        raise ModelError(f"a package needs a graph with one input, this one has {names or 'none'}")
    tensor = graph.inputs[0]
    fixed = [dim if isinstance(dim, int) else None for dim in (tensor.dims or ())]
    match fixed:
        case [_, rows, columns]:
            return tensor.name, "n,t,c", rows, columns
        case [_, _]:
            return tensor.name, "n,f", None, None
    raise ModelError(f"input {names!r}: expected [n, rows, channels] or [n, numbers]")


def window(graph: Graph, channels: Sequence[str], features: Preset) -> int | None:
    """Rows of a flat raw window; None where the graph does not tell."""
    dims = graph.inputs[0].dims
    width = dims[-1] if dims else None
    if features != "raw" or not isinstance(width, int):
        return None
    rows, rest = divmod(width, count("raw", channels, 1, None))
    if rest:
        raise ModelError(f"the graph takes {width} numbers: not rows of {len(channels)} channels")
    return rows


def outputs(graph: Graph, channels: int, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what each output seems to be, by its type and width; others are left out.

    With ``labels`` a float output of that width is their probabilities, the last one's the score.
    Else the first float output of width one is the score. One per channel is the residuals.
    """
    scored = False
    for tensor in graph.outputs:
        width = _width(tensor)
        if tensor.dtype in INTEGERS:
            yield {"tensor": tensor.name, "meaning": "label"}
        elif labels and width == len(labels):
            scored = True
            yield {
                "tensor": tensor.name,
                "meaning": "probabilities",
                "labels": list(labels),
                "score_of": labels[-1],
            }
        elif width == 1 and not scored and not labels:
            scored = True
            yield {"tensor": tensor.name, "meaning": "score"}
        elif width == channels:
            yield {"tensor": tensor.name, "meaning": "residuals"}


def _width(tensor: Tensor) -> int | None:
    dims = tensor.dims or ()
    if len(dims) == 1:
        return 1
    return dims[1] if len(dims) == 2 and isinstance(dims[1], int) else None  # noqa: PLR2004  # n x width
