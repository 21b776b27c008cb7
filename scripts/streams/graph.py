"""The streaming detector as an ONNX graph: [n, 1, 1] and [n, 285] -> score [n, 1], next [n, 285].

All float64, as the state is kept. Operation by operation what ``detector.py`` does in numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.streams import detector as ref
from scripts.streams.detector import Floats

OPSET, IR = 17, 8
"""What opset 17 was released with; every supported runtime reads it."""
Given = str | float | Floats | npt.NDArray[np.int64]


@dataclass(slots=True)
class Trace:
    """Nodes and constants of a graph as it is written down; a name stands for a tensor."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[bytes, TensorProto] = field(default_factory=dict)

    def __call__(self, operator: str, *given: Given, **attributes: object) -> str:
        """Add a node; the name of its output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        inputs = [self.name(one) for one in given]
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def name(self, given: Given) -> str:
        """A tensor's own name, or that of a constant."""
        if isinstance(given, str):
            return given
        values = np.asarray(given)
        key = values.tobytes() + str((values.dtype, values.shape)).encode()
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(values, name)
        return self.constants[key].name

    def ints(self, *values: int) -> str:
        """Axes, bounds or dimensions."""
        return self.name(np.array(values, dtype=np.int64))

    def columns(self, tensor: str, first: int, end: int) -> str:
        """Some columns of n x columns."""
        return self("Slice", tensor, self.ints(first), self.ints(end), self.ints(1))

    def total(self, tensor: str, axis: int = 1) -> str:
        """The sum over an axis, which stays with size 1."""
        return self("ReduceSum", tensor, self.ints(axis), keepdims=1)

    def joined(self, parts: Sequence[str]) -> str:
        """Columns beside each other."""
        return self("Concat", *parts, axis=1)

    def shaped(self, tensor: str, *dims: int) -> str:
        """Another shape behind the same batch."""
        return self("Reshape", tensor, self.ints(0, *dims))

    def dot(self, one: str, other: str) -> str:
        """Row by row, n x 1."""
        return self.total(self("Mul", one, other))


State = dict[str, str]


def build(level: float) -> bytes:
    """Serialise; the same level gives the same bytes."""
    g = Trace()
    state = _unpacked(g)
    value = g("Clip", g.shaped("value", 1), -ref.FAR, ref.FAR)
    once = g("Div", 1.0, g("Add", state["count"], 1.0))
    raw = [_forecast(g, value, state), _distance(g, value, state, once)]
    raw.append(_rest(g, value, state, once))
    z = g("Clip", _unusual(g, g.joined(raw), state), 0.0, ref.MOST_Z)
    score = g("Div", g("Div", g.total(z), 3.0), level)
    state["count"] = g("Add", state["count"], 1.0)
    g.nodes.append(helper.make_node("Identity", [_hushed(g, score, state)], ["score"]))
    whole = g.joined([_less(g, name, state[name]) for name in ref.LAYOUT])
    g.nodes.append(helper.make_node("Identity", [whole], ["next"]))
    return _model(g)


def _unpacked(g: Trace) -> State:
    state, first = {}, 0
    for name, size in ref.LAYOUT.items():
        part = g.columns("state", first, first + size)
        prior = ref.PRIORS.get(name)
        state[name] = part if prior is None else g("Add", part, prior[np.newaxis])
        first += size
    return state


def _less(g: Trace, name: str, part: str) -> str:
    prior = ref.PRIORS.get(name)
    return part if prior is None else g("Sub", part, prior[np.newaxis])


def _forecast(g: Trace, value: str, state: State) -> str:
    side = ref.ORDER + 1
    inverse = g.shaped(state["inverse"], side, side)
    ones = g("Add", g("Mul", value, 0.0), 1.0)
    row = g.joined([ones, g.columns(state["past"], ref.WINDOW - ref.ORDER, ref.WINDOW)])
    off = g("Sub", value, g.dot(state["weights"], row))
    pulled = g.shaped(g.total(g("Mul", inverse, g.shaped(row, 1, side)), 2), side)
    gain = g("Div", pulled, g("Add", ref.FORGET, g.dot(row, pulled)))
    state["weights"] = g("Add", state["weights"], g("Mul", gain, off))
    outer = g("Mul", g.shaped(gain, side, 1), g.shaped(pulled, 1, side))
    inverse = g("Div", g("Sub", inverse, outer), ref.FORGET)
    inverse = g("Div", g("Add", inverse, g("Transpose", inverse, perm=[0, 2, 1])), 2.0)
    trace = g.dot(g.shaped(inverse, side * side), np.eye(side).reshape(1, -1))
    share = g("Min", 1.0, g("Div", ref.MOST_TRACE, trace))
    state["inverse"] = g("Mul", g.shaped(inverse, side * side), share)
    return g("Log", g("Add", 1.0, g("Abs", off)))


def _distance(g: Trace, value: str, state: State, once: str) -> str:
    low, middle, high = (g.columns(state["quartiles"], i, i + 1) for i in range(3))
    spread = g("Sub", high, low)
    z = g("Div", g("Abs", g("Sub", value, middle)), g("Max", spread, 1e-3))
    pace = g("Max", 1 / ref.MEMORY, g("Mul", 0.5, once))
    pace = g("Mul", g("Mul", pace, g("Max", spread, 0.05)), 4.0)
    below = g("Cast", g("LessOrEqual", value, state["quartiles"]), to=TensorProto.DOUBLE)
    pull = g("Mul", pace, g("Sub", np.array([[0.25, 0.5, 0.75]]), below))
    state["quartiles"] = g("Add", state["quartiles"], pull)
    return g("Log", g("Add", 1.0, z))


def _rest(g: Trace, value: str, state: State, once: str) -> str:
    width = ref.WINDOW
    state["past"] = g.joined([g.columns(state["past"], 1, width), value])
    off = g("Sub", state["past"], state["centre"])
    parts = [g.columns(state["parts"], i * width, (i + 1) * width) for i in range(ref.PARTS)]
    shares = [g.dot(part, off) for part in parts]
    left = off
    for share, part in zip(shares, parts, strict=True):
        left = g("Sub", left, g("Mul", share, part))
    found = g("Sqrt", g("Div", g.dot(left, left), float(width)))
    pace = g("Div", g("Max", ref.PACE, once), g("Max", g.dot(off, off), 1.0))
    turned: list[str] = []
    for share, part in zip(shares, parts, strict=True):
        new = g("Add", part, g("Mul", g("Mul", pace, share), left))
        for other in turned:
            new = g("Sub", new, g("Mul", g.dot(new, other), other))
        turned.append(g("Div", new, g("Max", g("Sqrt", g.dot(new, new)), 1e-9)))
    state["parts"] = g.joined(turned)
    step = g("Mul", g("Max", 1 / ref.MEMORY, once), g("Sub", value, state["centre"]))
    state["centre"] = g("Add", state["centre"], step)
    return found


def _unusual(g: Trace, raw: str, state: State) -> str:
    ends = np.cumsum(ref.RECENT).tolist()
    recent = [
        g.joined([g.columns(state["recent"], end - size + 1, end), g.columns(raw, i, i + 1)])
        for i, (size, end) in enumerate(zip(ref.RECENT, ends, strict=True))
    ]
    state["recent"] = g.joined(recent)
    pairs = zip(recent, ref.RECENT, strict=True)
    short = g.joined([g("Div", g.total(part), float(size)) for part, size in pairs])
    age = g("Sub", g("Add", state["count"], 1.0), np.array([ref.STARTS]))
    spread = g("Add", g("Sqrt", state["variance"]), 1e-9)
    z = g("Div", g("Sub", short, state["mean"]), spread)
    z = g("Where", g("Greater", age, np.array([ref.RECENT]) + 1.0), z, 0.0)
    rate = g("Max", 1 / np.array([ref.LONG]), g("Div", 1.0, g("Max", age, 1.0)))
    rate = g("Where", g("GreaterOrEqual", age, 1.0), rate, 0.0)
    off = g("Sub", raw, state["mean"])
    state["mean"] = g("Add", state["mean"], g("Mul", rate, off))
    change = g("Sub", g("Mul", off, off), state["variance"])
    state["variance"] = g("Add", state["variance"], g("Mul", rate, change))
    return z


def _hushed(g: Trace, score: str, state: State) -> str:
    count, silent = state["count"], state["silent"]
    shown = g("Where", g("Greater", count, silent), score, g("Min", score, ref.HUSHED))
    silence = g("Clip", g("Mul", count, ref.REFRACTORY), 1.0, ref.MOST_SILENCE)
    raised = g("GreaterOrEqual", shown, 1.0)
    state["silent"] = g("Where", raised, g("Add", count, silence), silent)
    return shown


def _model(g: Trace) -> bytes:
    def tensor(name: str, *dims: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", *dims])

    graph = helper.make_graph(
        g.nodes,
        "stream",
        [tensor("value", 1, 1), tensor("state", ref.SIZE)],
        [tensor("score", 1), tensor("next", ref.SIZE)],
        list(g.constants.values()),
    )
    imports = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(
        graph, producer_name="edge-gateway", opset_imports=imports, ir_version=IR
    )
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content
