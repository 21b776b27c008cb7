"""An autoencoder: rebuilds a window through a narrow middle; what it cannot rebuild is unusual.

Trained with scikit-learn, written as a graph of our own: scikit-learn's converter flattens a
network of many outputs into one column without a word.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.train.datasets import Floats
from scripts.train.graph import IR, OPSET

CLIP = 6.0
"""Standard deviations beyond which one cell says no more: nets go astray out there."""
MOST_PASSES = 60
"""Over the windows: neighbours are alike, so few are enough."""


@dataclass(frozen=True, slots=True)
class Net:
    """A trained autoencoder."""

    mean: Floats
    """Per channel."""
    sd: Floats
    weights: list[Floats]
    biases: list[Floats]
    rows: int
    level: float = 1.0
    """Root mean square of the rest at which the alarm is."""

    def residuals(self, windows: Floats) -> Floats:
        """n x rows x channels -> n x channels: mean square rest over the squared level."""
        standard = np.clip((windows - self.mean) / self.sd, -CLIP, CLIP)
        flat = standard.reshape(len(windows), -1)
        rebuilt = flat
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            rebuilt = rebuilt @ weight + bias
            rebuilt = np.maximum(rebuilt, 0) if i < len(self.weights) - 1 else rebuilt
        rest = (flat - rebuilt).reshape(standard.shape)
        found: Floats = np.mean(rest**2, axis=1) / self.level**2
        return found

    def scores(self, windows: Floats) -> Floats:
        """n x rows x channels -> n: 1 is the alarm level."""
        found: Floats = np.sqrt(self.residuals(windows).mean(axis=1))
        return found


def train(windows: Floats, seed: int, middle: int = 8) -> Net:
    """Learn to rebuild healthy windows, n x rows x channels."""
    from sklearn.neural_network import MLPRegressor

    mean = windows.mean(axis=(0, 1))
    sd = np.maximum(windows.std(axis=(0, 1)), 1e-3 * np.abs(mean) + 1e-9)
    flat = np.clip((windows - mean) / sd, -CLIP, CLIP).reshape(len(windows), -1)
    wide = min(64, max(2 * middle, flat.shape[1] // 2))
    shape = (wide, middle, wide)
    model: Any = MLPRegressor(
        hidden_layer_sizes=shape, random_state=seed, max_iter=MOST_PASSES, alpha=1e-4
    )
    model.fit(flat, flat)
    return Net(mean, sd, list(model.coefs_), list(model.intercepts_), windows.shape[1])


def build(net: Net) -> bytes:
    """The graph: [n, rows, channels] -> score [n, 1], residuals [n, channels]."""
    channels = len(net.mean)
    constants = {
        "mean": net.mean,
        "sd": net.sd,
        "low": np.array(-CLIP),
        "high": np.array(CLIP),
        "square_level": np.array(net.level**2),
    }
    nodes = [
        helper.make_node("Sub", ["window", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "sd"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["clipped"]),
        helper.make_node("Flatten", ["clipped"], ["layer_0"], axis=1),
    ]
    last = len(net.weights)
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True), 1):
        constants |= {f"w_{i}": weight, f"b_{i}": bias}
        out = f"layer_{i}" if i == last else f"sum_{i}"
        nodes.append(helper.make_node("Gemm", [f"layer_{i - 1}", f"w_{i}", f"b_{i}"], [out]))
        if i < last:
            nodes.append(helper.make_node("Relu", [out], [f"layer_{i}"]))
    nodes += [
        helper.make_node("Sub", ["layer_0", f"layer_{last}"], ["rest"]),
        helper.make_node("Mul", ["rest", "rest"], ["square"]),
        helper.make_node("Reshape", ["square", "grid_shape"], ["grid"]),
        helper.make_node("ReduceMean", ["grid"], ["per_channel"], axes=[1], keepdims=0),
        helper.make_node("Div", ["per_channel", "square_level"], ["residuals"]),
        helper.make_node("ReduceMean", ["residuals"], ["whole"], axes=[1], keepdims=1),
        helper.make_node("Sqrt", ["whole"], ["score"]),
    ]
    grid = numpy_helper.from_array(np.array([-1, net.rows, channels], np.int64), "grid_shape")
    graph = helper.make_graph(
        nodes,
        "autoencoder",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", net.rows, channels])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info("residuals", TensorProto.FLOAT, ["n", channels]),
        ],
        [
            *(numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()),
            grid,
        ],
    )
    made = helper.make_model(
        graph,
        producer_name="edge-gateway",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content
