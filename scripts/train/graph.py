"""The model as an ONNX graph: [n, rows, channels] -> score [n, 1], contributions [n, channels].

All float32. The contributions add up to the squared score: they are the package's residuals.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.train.datasets import Floats
from scripts.train.distance import Distance

OPSET = 17
IR = 8
"""What opset 17 was released with; every supported runtime reads it."""


def build(model: Distance) -> bytes:
    """Serialise; the same model gives the same bytes."""
    clip, rows, columns = model.smoothing.clip, model.smoothing.length, len(model.mean)
    weights = model.smoothing.weights[np.newaxis, :]
    constants = [
        _constant("mean", model.mean),
        _constant("sd", model.sd),
        _constant("low", np.array(-clip)),
        _constant("high", np.array(clip)),
        _constant("weights", weights),
        _constant("precision", model.precision),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "row_axis"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "channel_axis"),
    ]
    nodes = [
        helper.make_node("Sub", ["window", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "sd"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["clipped"]),
        helper.make_node("MatMul", ["weights", "clipped"], ["row"]),
        helper.make_node("Squeeze", ["row", "row_axis"], ["smooth"]),
        helper.make_node("MatMul", ["smooth", "precision"], ["pulled"]),
        helper.make_node("Mul", ["smooth", "pulled"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "channel_axis"], ["square"], keepdims=1),
        helper.make_node("Relu", ["square"], ["positive"]),  # rounding may leave -1e-9
        helper.make_node("Sqrt", ["positive"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "distance",
        [_tensor("window", ["n", rows, columns])],
        [_tensor("score", ["n", 1]), _tensor("contributions", ["n", columns])],
        constants,
    )
    exported = helper.make_model(
        graph,
        producer_name="edge-gateway",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    onnx.checker.check_model(exported)
    content: bytes = exported.SerializeToString(deterministic=True)
    return content


def _constant(name: str, values: Floats) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _tensor(name: str, dims: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
