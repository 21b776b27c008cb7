"""Tree ensembles as ONNX: boosted trees and isolation forests, exactly as they were trained.

A converter of our own, since a comparison must fall the same way here and there: thresholds are
float64 in training and float32 in the graph, so each is rounded *down* to float32, which sends
every float32 feature to the side it was sent to in training. Rounding to nearest does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, ML, IR = 17, 3, 8


@dataclass(slots=True)
class Tree:
    """One tree, node by node; the root is node 0."""

    feature: list[int] = field(default_factory=list)
    """-1 for a leaf."""
    value: list[float] = field(default_factory=list)
    """The threshold of a branch (at or below it goes left), the weight of a leaf."""
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)

    def leaf(self, weight: float) -> int:
        """Add a leaf; its index."""
        return self._add(-1, weight)

    def branch(self, feature: int, threshold: float) -> int:
        """Add a branch, whose children come later; its index."""
        return self._add(feature, threshold)

    def _add(self, feature: int, value: float) -> int:
        self.feature.append(feature)
        self.value.append(value)
        self.left.append(0)
        self.right.append(0)
        return len(self.feature) - 1


def boosted(model: Any, share: float = 1.0) -> Iterator[Tree]:
    """The trees of a LightGBM booster, their leaves times ``share``."""
    for entry in model.dump_model()["tree_info"]:
        tree = Tree()
        _grow(tree, entry["tree_structure"], share)
        yield tree


def _grow(tree: Tree, node: Mapping[str, Any], share: float) -> int:
    if "leaf_value" in node:
        return tree.leaf(node["leaf_value"] * share)
    index = tree.branch(node["split_feature"], node["threshold"])
    tree.left[index] = _grow(tree, node["left_child"], share)
    tree.right[index] = _grow(tree, node["right_child"], share)
    return index


def isolating(forest: Any) -> tuple[list[Tree], float]:
    """The trees of a scikit-learn IsolationForest, and the depth that counts as usual.

    A leaf weighs its depth, plus what a tree over its rows would have added (Liu et al. 2008).
    """
    trees = []
    for estimator, columns in zip(forest.estimators_, forest.estimators_features_, strict=True):
        inner, tree = estimator.tree_, Tree()
        depths = np.zeros(inner.node_count)
        for node in range(inner.node_count):
            if inner.children_left[node] < 0:
                rest = expected_depth(int(inner.n_node_samples[node]))
                tree.leaf((depths[node] + rest) / len(forest.estimators_))
                continue
            tree.branch(int(columns[inner.feature[node]]), float(inner.threshold[node]))
            tree.left[node], tree.right[node] = (
                int(inner.children_left[node]),
                int(inner.children_right[node]),
            )
            depths[[tree.left[node], tree.right[node]]] = depths[node] + 1
        trees.append(tree)
    return trees, expected_depth(int(forest.max_samples_))


def expected_depth(rows: int) -> float:
    """Average depth of an unsuccessful search in a binary tree of so many rows."""
    if rows <= 2:
        return float(max(rows - 1, 0))
    return 2.0 * (np.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows


def life(trees: Sequence[Tree], features: int) -> bytes:
    """A graph from features to remaining life, never below 0."""
    return _model(trees, features, [helper.make_node("Relu", ["sum"], ["rul"])], ("rul", 1))


def classes(trees: Sequence[Tree], features: int) -> bytes:
    """A graph from features to two probabilities, of the trees' log odds: not so, so."""
    tail = [
        helper.make_node("Sigmoid", ["sum"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
    ]
    return _model(trees, features, tail, ("probabilities", 2), {"one": 1.0})


def isolation(trees: Sequence[Tree], usual: float, features: int, level: float = 1.0) -> bytes:
    """A graph from features to the isolation score over ``level``, where the alarm is."""
    tail = [
        helper.make_node("Mul", ["sum", "rate"], ["power"]),
        helper.make_node("Exp", ["power"], ["isolated"]),
        helper.make_node("Div", ["isolated", "level"], ["score"]),
    ]
    constants = {"rate": -np.log(2.0) / usual, "level": level}
    return _model(trees, features, tail, ("score", 1), constants)


def floored(threshold: float) -> float:
    """The largest float32 that is not above a float64."""
    near = np.float32(threshold)  # float(near): numpy would compare both as float32
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))


def _model(
    trees: Sequence[Tree],
    features: int,
    tail: Sequence[onnx.NodeProto],
    output: tuple[str, int],
    constants: Mapping[str, float] | None = None,
) -> bytes:
    name, width = output
    graph = helper.make_graph(
        [_ensemble(trees), *tail],
        "trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", features])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])],
        [
            numpy_helper.from_array(np.array([[value]], dtype=np.float32), key)
            for key, value in (constants or {}).items()
        ],
    )
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML)]
    made = helper.make_model(
        graph, producer_name="edge-gateway", opset_imports=imports, ir_version=IR
    )
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def _ensemble(trees: Sequence[Tree]) -> onnx.NodeProto:
    nodes = [(t, n) for t, tree in enumerate(trees) for n in range(len(tree.feature))]
    leaves = [(t, n) for t, n in nodes if trees[t].feature[n] < 0]
    leaf = frozenset(leaves)
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["sum"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[t for t, _ in nodes],
        nodes_nodeids=[n for _, n in nodes],
        nodes_featureids=[max(trees[t].feature[n], 0) for t, n in nodes],
        nodes_values=[0.0 if (t, n) in leaf else floored(trees[t].value[n]) for t, n in nodes],
        nodes_modes=["LEAF" if node in leaf else "BRANCH_LEQ" for node in nodes],
        nodes_truenodeids=[trees[t].left[n] for t, n in nodes],
        nodes_falsenodeids=[trees[t].right[n] for t, n in nodes],
        target_treeids=[t for t, _ in leaves],
        target_nodeids=[n for _, n in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[trees[t].value[n] for t, n in leaves],
    )
