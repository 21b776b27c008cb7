"""Whether a graph is the one its manifest describes: names, types, dimensions."""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.models.contract import Manifest, Output
from gateway.models.files import MODEL
from gateway.models.graph import Graph, Tensor
from gateway.models.schema import Problem

FLOATS: Final[Mapping[int, str]] = {1: "float32", 10: "float16", 11: "float64"}
"""TensorProto.DataType of what a window or a score may be."""
INTEGERS: Final[Mapping[int, str]] = {6: "int32", 7: "int64"}
_BATCH_ADVICE: Final = "export with a free (dynamic) first dimension: all assets run as one batch"


def problems(manifest: Manifest, graph: Graph) -> Iterator[Problem]:
    """Yield every way in which manifest and graph disagree."""
    yield from _input(manifest, graph)
    outputs = {tensor.name: tensor for tensor in graph.outputs}
    channels = len(manifest.shape.channels)
    for output in manifest.answers:
        field = f"output {output.tensor!r}"
        tensor = outputs.get(output.tensor)
        if tensor is None:
            expected = "an output of the graph: " + _names(graph.outputs)
            yield Problem(MODEL, field, expected, "none of that name", "correct outputs.tensor")
        else:
            yield from _output(field, output, tensor, output.width(channels))


def _input(manifest: Manifest, graph: Graph) -> Iterator[Problem]:
    wanted = manifest.input
    field = f"input {wanted.tensor!r}"
    states = {memory.input: memory for memory in manifest.memories}
    if sorted(tensor.name for tensor in graph.inputs) != sorted([wanted.tensor, *states]):
        expected = "the graph's only input" if not states else f"it and {', '.join(states)}"
        advice = "correct input.tensor, or export with one input"
        yield Problem(MODEL, field, expected, _names(graph.inputs), advice)
        return
    for tensor in graph.inputs:
        if tensor.name in states:
            field_of = f"state {tensor.name!r}"
            yield from _type(field_of, tensor, FLOATS)
            yield from _dims(field_of, tensor, (states[tensor.name].size,), "state.carried")
    tensor = next(tensor for tensor in graph.inputs if tensor.name == wanted.tensor)
    yield from _type(field, tensor, FLOATS)
    yield from _dims(field, tensor, wanted.dims, f"layout {wanted.layout!r} of the manifest")


def _output(field: str, output: Output, tensor: Tensor, width: int) -> Iterator[Problem]:
    yield from _type(field, tensor, INTEGERS if output.meaning == "label" else FLOATS)
    flat = output.meaning not in {"probabilities", "residuals", "state"}
    if not (flat and tensor.dims is not None and len(tensor.dims) == 1):
        yield from _dims(field, tensor, (width,), f"the meaning {output.meaning!r}")
    elif isinstance(tensor.dims[0], int):
        yield Problem(MODEL, field, "a free batch", f"{tensor.dims[0]}", _BATCH_ADVICE)


def _type(field: str, tensor: Tensor, allowed: Mapping[int, str]) -> Iterator[Problem]:
    if tensor.dtype not in allowed:
        found = f"element type {tensor.dtype}" if tensor.dtype else "no tensor"
        advice = "export with integer class labels and zipmap=False, and floats elsewhere"
        yield Problem(MODEL, field, " or ".join(allowed.values()), found, advice)


def _dims(field: str, tensor: Tensor, wanted: tuple[int, ...], reason: str) -> Iterator[Problem]:
    if tensor.dims is None:
        return  # unknown rank: held against the golden vectors instead
    batch, *rest = tensor.dims or (None,)
    found = "[" + ", ".join(str(dim) for dim in tensor.dims) + "]"
    expected = "[n, " + ", ".join(map(str, wanted)) + "]"
    fixed = [dim for dim in zip(rest, wanted, strict=False) if isinstance(dim[0], int)]
    if not tensor.dims or len(rest) != len(wanted) or any(a != b for a, b in fixed):
        advice = f"make the export agree with {reason}"
        yield Problem(MODEL, field, expected, found[:200], advice)
    elif isinstance(batch, int):
        yield Problem(MODEL, field, expected, found[:200], _BATCH_ADVICE)


def _names(tensors: list[Tensor]) -> str:
    return ", ".join(repr(tensor.name) for tensor in tensors)[:200] or "none"
