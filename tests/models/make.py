"""Tiny model packages of every kind, made with ``onnx``; golden outputs by onnxruntime."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gateway.models.package import Package
from gateway.models.seal import seal

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
ROWS, CHANNELS = 12, 3
RANDOM = np.random.default_rng(7)


@dataclass(frozen=True)
class Recipe:
    """A model and what its manifest says of it."""

    model: onnx.ModelProto
    rows: int = field(default_factory=lambda: ROWS)
    channels: int = field(default_factory=lambda: CHANNELS)
    layout: str = "n,t,c"
    outputs: Sequence[Mapping[str, object]] = ({"tensor": "score", "meaning": "score"},)
    task: str = "anomaly"
    golden: Sequence[Sequence[Sequence[float]]] | None = None
    memories: Sequence[Mapping[str, object]] = ()
    """The carried state: input, output, size."""
    levels: Sequence[Mapping[str, object]] = field(
        default_factory=lambda: [{"label": "alarm", "on": 0.8, "off": 0.6}]
    )


def tensor(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def weights(name, *shape):
    return tensor(name, RANDOM.normal(0, 0.3, shape))


def model(nodes, initialisers=(), *, window=None, outputs=None, ir=10, opsets=None, states=()):
    window = ("n", ROWS, CHANNELS) if window is None else window
    wanted = outputs or [("score", FLOAT, ("n", 1))]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("window", FLOAT, window),
            *(helper.make_tensor_value_info(name, FLOAT, ("n", size)) for name, size in states),
        ],
        [helper.make_tensor_value_info(name, dtype, dims) for name, dtype, dims in wanted],
        list(initialisers),
    )
    versions = {"": 18, "ai.onnx.ml": 3} if opsets is None else opsets
    imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    return helper.make_model(graph, ir_version=ir, opset_imports=imports)


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def flat_tail(source, width):
    """From n x anything to a score."""
    nodes = [
        node("Flatten", source, "flat", axis=1),
        node("Gemm", "flat wz bz", "z"),
        node("Sigmoid", "z", "score"),
    ]
    return nodes, [weights("wz", width, 1), weights("bz", 1)]


def linear():
    nodes, initialisers = flat_tail("window", ROWS * CHANNELS)
    return Recipe(model(nodes, initialisers))


def mlp():
    nodes = [node("Gemm", "window w1 b1", "h"), node("Relu", "h", "r")]
    tail, more = flat_tail("r", 8)
    made = model(
        [*nodes, *tail],
        [weights("w1", ROWS * CHANNELS, 8), weights("b1", 8), *more],
        window=("n", ROWS * CHANNELS),
    )
    return Recipe(made, layout="n,f")


def convolution():
    nodes = [
        node("Transpose", "window", "turned", perm=[0, 2, 1]),
        node("Conv", "turned wc bc", "c", kernel_shape=[5]),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "pooled"),
    ]
    tail, more = flat_tail("pooled", 4)
    return Recipe(model([*nodes, *tail], [weights("wc", 4, CHANNELS, 5), weights("bc", 4), *more]))


def recurrent(operator="GRU", gates=3):
    hidden = 6
    nodes = [
        node("Transpose", "window", "turned", perm=[1, 0, 2]),
        node(operator, "turned w r b", "all last", hidden_size=hidden),
        node("Squeeze", "last axis", "h"),
    ]
    tail, more = flat_tail("h", hidden)
    initialisers = [
        weights("w", 1, gates * hidden, CHANNELS),
        weights("r", 1, gates * hidden, hidden),
        weights("b", 1, 2 * gates * hidden),
        tensor("axis", [0], np.int64),
        *more,
    ]
    return Recipe(model([*nodes, *tail], initialisers))


def lstm():
    return recurrent("LSTM", 4)


def stateful():
    """A GRU that sees one row at a time and hands its hidden state on."""
    hidden = 6
    nodes = [
        node("Transpose", "window", "turned", perm=[1, 0, 2]),
        node("Unsqueeze", "h axis", "before"),
        node("GRU", "turned w r b  before", "all last", hidden_size=hidden),
        node("Squeeze", "last axis", "next"),
    ]
    nodes[2].input[:] = ["turned", "w", "r", "b", "", "before"]
    tail, more = flat_tail("next", hidden)
    initialisers = [
        weights("w", 1, 3 * hidden, CHANNELS),
        weights("r", 1, 3 * hidden, hidden),
        weights("b", 1, 6 * hidden),
        tensor("axis", [0], np.int64),
        *more,
    ]
    made = model(
        [*nodes, *tail],
        initialisers,
        window=("n", 1, CHANNELS),
        outputs=[("score", FLOAT, ("n", 1)), ("next", FLOAT, ("n", hidden))],
        states=[("h", hidden)],
    )
    memories = [{"input": "h", "output": "next", "size": hidden}]
    return Recipe(made, rows=1, memories=memories)


def trees():
    """A forest of one stump on the first feature, as scikit-learn exports it without ZipMap."""
    stump = node(
        "TreeEnsembleClassifier",
        "window",
        "label probabilities",
        domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0] * 6,
        class_nodeids=[1, 1, 1, 2, 2, 2],
        class_ids=[0, 1, 2, 0, 1, 2],
        class_weights=[0.75, 0.125, 0.125, 0.25, 0.5, 0.25],
        classlabels_int64s=[0, 1, 2],
        post_transform="NONE",
    )
    made = model(
        [stump],
        window=("n", CHANNELS),
        outputs=[("label", INT64, ("n",)), ("probabilities", FLOAT, ("n", 3))],
    )
    outputs = [
        {
            "tensor": "probabilities",
            "meaning": "probabilities",
            "labels": ["healthy", "worn", "broken"],
            "score_of": "worn",
        },
        {"tensor": "label", "meaning": "label"},
    ]
    return Recipe(made, rows=1, layout="n,f", outputs=outputs, task="class")


def autoencoder():
    """Rebuilds a window through two numbers; the residual of each channel is an output."""
    width = ROWS * CHANNELS
    nodes = [
        node("Flatten", "window", "flat", axis=1),
        node("MatMul", "flat down", "code"),
        node("MatMul", "code up", "rebuilt"),
        node("Sub", "flat rebuilt", "error"),
        node("Mul", "error error", "square"),
        node("Reshape", "square cube", "grid"),
        node("ReduceMean", "grid rows", "residuals", keepdims=0),
        node("ReduceMean", "residuals columns", "score", keepdims=1),
    ]
    initialisers = [
        weights("down", width, 2),
        weights("up", 2, width),
        tensor("cube", [-1, ROWS, CHANNELS], np.int64),
        tensor("rows", [1], np.int64),
        tensor("columns", [1], np.int64),
    ]
    outputs = [("score", FLOAT, ("n", 1)), ("residuals", FLOAT, ("n", CHANNELS))]
    meanings = [
        {"tensor": "score", "meaning": "score"},
        {"tensor": "residuals", "meaning": "residuals"},
    ]
    return Recipe(model(nodes, initialisers, outputs=outputs), outputs=meanings)


def transformer():
    """One block of self-attention over the rows, with its skip connections, then their mean."""
    width = 8
    nodes = [
        node("MatMul", "window we", "embedded"),
        node("Add", "embedded place", "x"),
        *(node("MatMul", f"x w{name}", name) for name in "qkv"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "raw"),
        node("Mul", "raw scale", "scaled"),
        node("Softmax", "scaled", "attention", axis=-1),
        node("MatMul", "attention v", "mixed"),
        node("Add", "x mixed", "summed"),
        node("LayerNormalization", "summed g1 b1", "n1", axis=-1),
        node("MatMul", "n1 wf", "wide"),
        node("Gelu", "wide", "bent", domain="com.microsoft"),
        node("MatMul", "bent wg", "narrow"),
        node("Add", "n1 narrow", "summed2"),
        node("LayerNormalization", "summed2 g2 b2", "n2", axis=-1),
        node("ReduceMean", "n2 rows", "pooled", keepdims=0),
    ]
    initialisers = [
        weights("we", CHANNELS, width),
        weights("place", 1, ROWS, width),
        *(weights(f"w{name}", width, width) for name in "qkv"),
        tensor("scale", [width**-0.5]),
        weights("wf", width, 2 * width),
        weights("wg", 2 * width, width),
        *(tensor(f"g{at}", np.ones(width)) for at in (1, 2)),
        *(tensor(f"b{at}", np.zeros(width)) for at in (1, 2)),
        tensor("rows", [1], np.int64),
    ]
    tail, more = flat_tail("pooled", width)
    opsets = {"": 18, "com.microsoft": 1}
    return Recipe(model([*nodes, *tail], [*initialisers, *more], opsets=opsets))


def isolation_forest():
    """Three trees that cut at random; the score is 2 ** -(mean path / usual path), as published.

    Each tree has a root and one more cut; the leaves hold how deep they lie.
    """
    trees, places = 3, range(5)
    forest = node(
        "TreeEnsembleRegressor",
        "window",
        "depth",
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="AVERAGE",
        nodes_treeids=[tree for tree in range(trees) for _ in places],
        nodes_nodeids=[*places] * trees,
        nodes_featureids=[
            at % CHANNELS for tree in range(trees) for at in (tree, tree + 1, 0, 0, 0)
        ],
        nodes_values=[
            value for tree in range(trees) for value in (2.0 - tree, 0.1 * tree, 0, 0, 0)
        ],
        nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"] * trees,
        nodes_truenodeids=[1, 3, 0, 0, 0] * trees,
        nodes_falsenodeids=[2, 4, 0, 0, 0] * trees,
        target_treeids=[tree for tree in range(trees) for _ in range(3)],
        target_nodeids=[2, 3, 4] * trees,
        target_ids=[0] * 3 * trees,
        target_weights=[1.0, 3.5, 4.25] * trees,
    )
    nodes = [
        forest,
        node("Div", "depth usual", "share"),
        node("Neg", "share", "minus"),
        node("Pow", "two minus", "score"),
    ]
    constants = [tensor("usual", [3.75]), tensor("two", [2.0])]
    return Recipe(model(nodes, constants, window=("n", CHANNELS)), rows=1, layout="n,f")


def belief():
    """Two stacked Boltzmann machines: the score is the free energy of the second.

    F(h) = -b.h - sum(softplus(c + h W)); the lower layer gives h = sigmoid(v W + c).
    """
    width, first, second = ROWS * CHANNELS, 10, 4
    nodes = [
        node("Gemm", "window w1 c1", "z1"),
        node("Sigmoid", "z1", "hidden"),
        node("Gemm", "hidden w2 c2", "z2"),
        node("Softplus", "z2", "soft"),
        node("ReduceSum", "soft axis", "upper", keepdims=1),
        node("MatMul", "hidden b2", "lower"),
        node("Add", "upper lower", "energy"),
        node("Neg", "energy", "score"),
        node("Sigmoid", "z2", "code"),
    ]
    initialisers = [
        weights("w1", width, first),
        weights("c1", first),
        weights("w2", first, second),
        weights("c2", second),
        weights("b2", first, 1),
        tensor("axis", [1], np.int64),
    ]
    return Recipe(model(nodes, initialisers, window=("n", width)), layout="n,f")


KINDS = {
    "linear": linear,
    "mlp": mlp,
    "convolution": convolution,
    "gru": recurrent,
    "lstm": lstm,
    "stateful": stateful,
    "trees": trees,
    "autoencoder": autoencoder,
    "transformer": transformer,
    "isolation_forest": isolation_forest,
    "belief": belief,
}


def one_cell(nodes, initialisers=(), *, golden=0.25, **graph):
    """A model of one row and one channel: what it does depends on the number it is given."""
    made = model(nodes, initialisers, window=("n", 1, 1), **graph)
    return Recipe(made, rows=1, channels=1, golden=[[[golden]]])


def logarithm():
    """Gives NaN for a negative number."""
    nodes = [node("Flatten", "window", "flat", axis=1), node("Log", "flat", "score")]
    return one_cell(nodes)


def glutton():
    """Allocates as many float32 as it is told, then asks for their sum."""
    nodes = [
        node("ReduceMax", "window", "most", keepdims=0),
        node("Cast", "most", "count", to=INT64),
        node("Reshape", "count one", "shape"),
        node("ConstantOfShape", "shape", "many", value=tensor("v", [1.0])),
        node("ReduceSum", "many", "sum", keepdims=0),
        node("Flatten", "window", "flat", axis=1),
        node("Add", "flat sum", "score"),
    ]
    return one_cell(nodes, [tensor("one", [1], np.int64)], golden=4.0)


def sloth(steps=300):
    """Multiplies square matrices of the size it is told, one node after the other."""
    nodes = [
        node("ReduceMax", "window", "most", keepdims=0),
        node("Cast", "most", "side", to=INT64),
        node("Reshape", "side one", "line"),
        node("Concat", "line line", "shape", axis=0),
        node("ConstantOfShape", "shape", "m0", value=tensor("v", [0.0])),
        *(node("MatMul", f"m{step} m0", f"m{step + 1}") for step in range(steps)),
        node("ReduceSum", f"m{steps}", "sum", keepdims=0),
        node("Flatten", "window", "flat", axis=1),
        node("Add", "flat sum", "score"),
    ]
    return one_cell(nodes, [tensor("one", [1], np.int64)], golden=2.0)


def document(recipe: Recipe, **changes):
    """A manifest without its files."""
    names = [f"c{index}" for index in range(recipe.channels)]
    return {
        "schema": 1,
        "id": "tiny",
        "version": "1.0.0",
        "task": recipe.task,
        "created": "2026-11-21",
        "input": {
            "tensor": "window",
            "layout": recipe.layout,
            "channels": [{"name": name, "unit": "W", "range": [-9, 9]} for name in names],
            "period_s": 1,
            "window": recipe.rows,
        },
        "outputs": list(recipe.outputs),
        "decision": {"levels": list(recipe.levels)},
        "golden": {"file": "golden.json", "rtol": 1e-4, "atol": 1e-6},
        "licence": "Apache-2.0",
        **({"state": {"carried": list(recipe.memories)}} if recipe.memories else {}),
        **changes,
    }


def windows(recipe: Recipe, count=4):
    if recipe.golden is not None:
        return np.asarray(recipe.golden, np.float64)
    return RANDOM.normal(0, 1, (count, recipe.rows, recipe.channels))


def shaped(recipe: Recipe, cells):
    batch = cells.astype(np.float32)
    return batch if recipe.layout == "n,t,c" else batch.reshape(len(batch), -1)


def options():
    quiet = onnxruntime.SessionOptions()
    quiet.intra_op_num_threads = 1
    return quiet


def run(recipe: Recipe, cells):
    """What the model says by itself: output name -> array."""
    session = onnxruntime.InferenceSession(recipe.model.SerializeToString(), options())
    names = [str(output["tensor"]) for output in recipe.outputs]
    names += [str(one["output"]) for one in recipe.memories]
    rest = {
        one["input"]: np.zeros((len(cells), one["size"]), np.float32) for one in recipe.memories
    }
    values = session.run(names, {"window": shaped(recipe, cells), **rest})
    return dict(zip(names, values, strict=True))


def write(directory: Path, recipe: Recipe, **changes) -> Package:
    """A whole, good package."""
    directory.mkdir(parents=True, exist_ok=True)
    cells = windows(recipe)
    golden = {
        "windows": cells.tolist(),
        "outputs": {name: value.tolist() for name, value in run(recipe, cells).items()},
    }
    (directory / "golden.json").write_text(json.dumps(golden))
    (directory / "model.onnx").write_bytes(recipe.model.SerializeToString())
    return seal(directory, document(recipe, **changes))
