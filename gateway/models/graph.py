"""What an ONNX file says of itself, read by a walk over its bytes.

Field numbers: ``onnx/onnx.proto`` of ONNX 1.20 (IR 13). Sub-graphs are seen and noted, never
entered, so no file can make this walk recurse.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.models.protobuf import Wire, WireError, message, number, numbers, text

Dim = int | str | None
_NUMBERS = re.compile(
    rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a(?:"
    + b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(32))
    + rb"))++",
    re.DOTALL,
)
"""Runs of AttributeProto.floats (7), ints (8) and short strings (9), none of them packed."""
_MAX_RANK = 16
_MAX_PER_BYTE = 8
"""Elements per byte of file: int4 packs two, bool bits none; eight is generous."""


class Tensor(NamedTuple):
    """An input or output of the graph."""

    name: str
    dtype: int
    """TensorProto.DataType; 0 for what is no tensor (sequence, map, optional)."""
    dims: tuple[Dim, ...] | None
    """A number, a symbol, or None for unknown; None altogether when the rank is unknown."""


@dataclass(slots=True)
class Graph:
    """The structure of a model: filled by one walk, then only read."""

    ir: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(domain, operator) -> how often."""
    inputs: list[Tensor] = field(default_factory=list)
    """Without the ones that an initialiser gives."""
    outputs: list[Tensor] = field(default_factory=list)
    forbidden: Counter[str] = field(default_factory=Counter)
    """What no package may hold, in words -> how often."""
    tensors: int = 0
    elements: int = 0
    """Over all initialisers and constants."""
    initialised: set[str] = field(default_factory=set)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.operators.total()


def read_graph(content: bytes) -> Graph:
    """Walk a model file.

    Raises:
        WireError: the bytes are no ONNX model.
    """
    walk = _Walk(Wire(), Graph())
    walk.model(memoryview(content))
    graph = walk.graph
    graph.inputs = [tensor for tensor in graph.inputs if tensor.name not in graph.initialised]
    return graph


class _Walk(NamedTuple):
    """One method per message of onnx.proto."""

    wire: Wire
    graph: Graph

    def model(self, data: memoryview) -> None:
        bodies = 0
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    self.graph.ir = number(value)
                case 7:
                    bodies += 1
                    self.body(message(value))
                case 8:
                    self.opset(message(value))
                case 20:
                    self.graph.forbidden["training information"] += 1
                case 25:
                    self.graph.forbidden["model-local functions"] += 1
        if bodies != 1:
            raise WireError("no graph" if bodies == 0 else "more than one graph")

    def opset(self, data: memoryview) -> None:
        domain, version = "", 0
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    domain = text(value)
                case 2:
                    version = number(value)
        domain = "" if domain == "ai.onnx" else domain
        if domain in self.graph.opsets:
            raise WireError(f"two versions of operator set {domain!r}")
        self.graph.opsets[domain] = version

    def body(self, data: memoryview) -> None:
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    self.node(message(value))
                case 5:
                    self.graph.initialised.add(self.tensor(message(value)))
                case 11:
                    self.graph.inputs.append(self.value_info(message(value)))
                case 12:
                    self.graph.outputs.append(self.value_info(message(value)))
                case 15:
                    self.graph.forbidden["sparse tensors"] += 1

    def node(self, data: memoryview) -> None:
        domain, operator, attributes = "", "", []
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 4:
                    operator = text(value)
                case 5:
                    attributes.append(message(value))
                case 7:
                    domain = text(value)
        domain = "" if domain == "ai.onnx" else domain
        self.graph.operators[domain, operator] += 1
        for attribute in attributes:
            self.attribute(attribute, operator)

    def attribute(self, data: memoryview, operator: str) -> None:
        for field_number, value in self.wire.fields(data, _NUMBERS):
            match field_number:
                case 5 | 10:
                    self.tensor(message(value))
                case 6 | 11:
                    self.graph.forbidden[f"graph inside {operator}"] += 1
                case 21:
                    self.graph.forbidden[f"parameter of a function in {operator}"] += 1
                case 22 | 23:
                    self.graph.forbidden["sparse tensors"] += 1

    def tensor(self, data: memoryview) -> str:
        name, dims = "", []
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    dims += numbers(value)
                case 8:
                    name = text(value)
                case 13:
                    self.graph.forbidden["data outside the file"] += 1
                case 14:
                    if number(value):  # a default that is written out is 0
                        self.graph.forbidden["data outside the file"] += 1
        if len(dims) > _MAX_RANK or any(dim < 0 for dim in dims):
            raise WireError(f"tensor {name!r} of rank {len(dims)}, or of negative size")
        elements = math.prod(dims)
        if elements > _MAX_PER_BYTE * len(data):
            raise WireError(f"tensor {name!r} of {elements} elements in {len(data)} bytes")
        self.graph.tensors += 1
        self.graph.elements += elements
        return name

    def value_info(self, data: memoryview) -> Tensor:
        name, kind = "", memoryview(b"")
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    name = text(value)
                case 2:
                    kind = message(value)
        for field_number, value in self.wire.fields(kind):
            if field_number == 1:
                return self.tensor_type(name, message(value))
        return Tensor(name, 0, None)

    def tensor_type(self, name: str, data: memoryview) -> Tensor:
        dtype, dims = 0, None
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    dtype = number(value)
                case 2:
                    shape = self.wire.fields(message(value))
                    dims = tuple(self.dim(message(item)) for key, item in shape if key == 1)
        return Tensor(name, dtype, dims)

    def dim(self, data: memoryview) -> Dim:
        found: Dim = None
        for field_number, value in self.wire.fields(data):
            match field_number:
                case 1:
                    found = number(value)
                case 2:
                    found = text(value)
        return found
