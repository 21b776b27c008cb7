"""The detector of traffic, in numpy and as an ONNX graph: [n, 1, 8], [n, 17] -> score, next.

Of each feature a mean and a variance that forget slowly; the score is the feature that lies
farthest above its mean, in spreads, over the level. A feature counts as at most ``CLIP`` spreads
off when it is learnt, so that a flood does not soon become usual. Only more than usual is scored:
silence has a watch of its own.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from gateway.core.traffic import FEATURES, SPREADS
from scripts.streams.graph import IR, OPSET, Trace

N = len(FEATURES)
SIZE = 2 * N + 1
LEAST = np.square(np.array([SPREADS]))
FORGET = 1 / 720
"""Twelve hours of minutes: a shift is no news, a month ago is none either."""
CLIP = 3.0
LEARNING = 10
"""Periods at the beginning that are learnt as they are."""

Floats = npt.NDArray[np.float64]


def step(features: Floats, state: Floats, level: float) -> tuple[Floats, Floats]:
    """Scores (n) and next states (n x 17) of n x 8 features."""
    mean, variance, count = state[:, :N], state[:, N : 2 * N], state[:, 2 * N :]
    spread = np.sqrt(variance + LEAST)
    away = features - mean
    score = np.maximum(away / spread, 0.0).max(axis=1) / level
    most = CLIP * spread + 100.0 * (count < LEARNING)
    learnt = np.clip(away, -most, most)
    pace = np.maximum(FORGET, 1 / (count + 1))
    mean = mean + pace * learnt
    variance = (1 - pace) * (variance + pace * learnt * learnt)
    return score, np.concatenate([mean, variance, count + 1], axis=1)


def build(level: float) -> bytes:
    """Serialise; the same level gives the same bytes."""
    g = Trace()
    features = g.shaped("features", N)
    mean, variance = g.columns("state", 0, N), g.columns("state", N, 2 * N)
    count = g.columns("state", 2 * N, SIZE)
    spread = g("Sqrt", g("Add", variance, LEAST))
    away = g("Sub", features, mean)
    above = g("Max", g("Div", away, spread), 0.0)
    score = g("Div", g("ReduceMax", above, axes=[1], keepdims=1), level)
    young = g("Cast", g("Less", count, float(LEARNING)), to=TensorProto.DOUBLE)
    most = g("Add", g("Mul", spread, CLIP), g("Mul", young, 100.0))
    learnt = g("Max", g("Min", away, most), g("Neg", most))
    pace = g("Max", g("Div", 1.0, g("Add", count, 1.0)), FORGET)
    step_ = g("Mul", pace, learnt)
    kept = g("Sub", 1.0, pace)
    following = [
        g("Add", mean, step_),
        g("Mul", kept, g("Add", variance, g("Mul", step_, learnt))),
        g("Add", count, 1.0),
    ]
    g.nodes.append(helper.make_node("Identity", [score], ["score"]))
    g.nodes.append(helper.make_node("Identity", [g.joined(following)], ["next"]))
    return _model(g)


def _model(g: Trace) -> bytes:
    def tensor(name: str, *dims: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", *dims])

    graph = helper.make_graph(
        g.nodes,
        "traffic",
        [tensor("features", 1, N), tensor("state", SIZE)],
        [tensor("score", 1), tensor("next", SIZE)],
        list(g.constants.values()),
    )
    imports = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(
        graph, producer_name="edge-gateway", opset_imports=imports, ir_version=IR
    )
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content
