"""A small model package for the plant: 8 rows of 7 channels, one dense layer, about 2,000 weights.

Its score is the newest power over the limit, plus a little of what a dense layer makes of the
window, so that a single message can raise it and the runtime has real work to do.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from gateway.models.seal import seal
from scripts.benchmark import plant

ROWS, HIDDEN = 8, 32
MEAN = np.array([0.3, 1e6, 150, 105, 25, 0.1, 230], dtype=np.float32)
SPAN = np.array([1, 1e6, 100, 100, 10, 0.1, 20], dtype=np.float32)
DENSE = 0.001
"""Weight of the dense layer in the score."""


def write(folder: Path, period_s: float) -> None:
    """Make the package in a folder that is not there yet."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    first = chance.normal(0, 0.2, (ROWS * len(MEAN), HIDDEN)).astype(np.float32)
    second = chance.normal(0, 0.2, (HIDDEN, 1)).astype(np.float32)
    windows = (MEAN + SPAN * chance.uniform(0, 1, (3, ROWS, len(MEAN)))).astype(np.float32)
    scores = [float(value) for value in score(windows, first, second)]
    (folder / "model.onnx").write_bytes(graph(first, second))
    golden = {"windows": windows.tolist(), "outputs": {"score": scores}}
    (folder / "golden.json").write_text(json.dumps(golden), "utf-8")
    (folder / "MODEL_CARD.md").write_text("# bench\n\nMakes work for a bench; knows nothing.\n")
    seal(folder, manifest(period_s))


def score(
    windows: npt.NDArray[np.float32], first: object, second: object
) -> npt.NDArray[np.float32]:
    """What the graph must give."""
    flat = ((windows - MEAN) / SPAN).reshape(len(windows), -1)
    dense = np.maximum(flat @ np.asarray(first), 0) @ np.asarray(second)
    power = windows[:, -1, plant.METRICS.index("power")] / plant.LIMIT_W
    return np.asarray(power + DENSE * dense[:, 0], dtype=np.float32)


def graph(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> bytes:
    newest = np.zeros((ROWS * len(MEAN), 1), dtype=np.float32)
    newest[(ROWS - 1) * len(MEAN) + plant.METRICS.index("power")] = 1 / plant.LIMIT_W
    constants = {"mean": MEAN, "span": SPAN, "first": first, "second": second * np.float32(DENSE)}
    constants |= {"newest": newest, "flat": np.array([-1, ROWS * len(MEAN)], dtype=np.int64)}
    steps = (
        ("Sub", ["window", "mean"], "centred"),
        ("Div", ["centred", "span"], "scaled"),
        ("Reshape", ["scaled", "flat"], "row"),
        ("MatMul", ["row", "first"], "hidden"),
        ("Relu", ["hidden"], "active"),
        ("MatMul", ["active", "second"], "dense"),
        ("Reshape", ["window", "flat"], "raw"),
        ("MatMul", ["raw", "newest"], "power"),
        ("Add", ["power", "dense"], "score"),
    )
    shape: list[str | int] = ["n", ROWS, len(MEAN)]
    made = helper.make_graph(
        [helper.make_node(kind, inputs, [output]) for kind, inputs, output in steps],
        "bench",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(made, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def manifest(period_s: float) -> dict[str, object]:
    units = zip(plant.METRICS, plant.UNITS, strict=True)
    return {
        "schema": 1,
        "id": "bench",
        "version": "1.0.0",
        "task": "anomaly",
        "created": "2026-01-01",
        "input": {
            "tensor": "window",
            "layout": "n,t,c",
            "channels": [{"name": name, "unit": unit, "max_age_s": 5.0} for name, unit in units],
            "period_s": period_s,
            "window": ROWS,
            "min_coverage": 0.0,
        },
        "outputs": [{"tensor": "score", "meaning": "score"}],
        "decision": {"levels": [{"label": "alarm", "on": 1.0, "off": 0.9}]},
        "golden": {"file": "golden.json", "rtol": 1e-3, "atol": 1e-4},
        "licence": "Apache-2.0",
    }
