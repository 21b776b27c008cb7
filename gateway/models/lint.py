"""Which ONNX graphs may be loaded: an allow-list of operators, and limits.

The limits of the runtime: onnxruntime 1.31 takes IR up to 13 and operator set up to 26 (measured).
The operators are those that compute numbers from numbers, the same each time. Not among them, and
so refused: control flow (an endless ``Loop`` was every one of 33 hangs in 36,000 mutated models),
sequences, optionals, maps and strings, random numbers, image decoding, and whatever a model's
author wrote himself.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.models.files import MODEL
from gateway.models.graph import Graph
from gateway.models.schema import Problem

MAX_IR: Final = 13
MIN_IR: Final = 3
VERSIONS: Final[Mapping[str, tuple[int, int]]] = {
    "": (7, 26),
    "ai.onnx.ml": (1, 5),
    "com.microsoft": (1, 1),
}
"""Domain -> lowest and highest operator set."""
MAX_NODES: Final = 10_000
"""100,000 nodes take the runtime 2.6 to 10 s and 335 MB to load (measured)."""
MAX_TENSORS: Final = 20_000

_STANDARD: Final = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast
CastLike Ceil Celu CenterCropPad Clip Compress Concat Constant ConstantOfShape Conv ConvInteger
ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear Det Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather
GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
GreaterOrEqual GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity
InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization
MelWeightMatrix Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul
QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
Resize ReverseSequence RotaryEmbedding Round STFT Scatter ScatterElements ScatterND Selu Shape
Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze
Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where
Xor
"""
_CLASSIC: Final = """
ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier
LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
TreeEnsembleClassifier TreeEnsembleRegressor
"""
# What onnxruntime's own quantiser and offline optimiser write; nothing else of that domain.
_MICROSOFT: Final = """
Attention BiasGelu DynamicQuantizeLSTM DynamicQuantizeMatMul FastGelu FusedConv FusedGemm
FusedMatMul Gelu MatMulIntegerToFloat QAttention QGemm QLinearAdd QLinearAveragePool QLinearConcat
QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax
QuickGelu SkipLayerNormalization SkipSimplifiedLayerNormalization
"""
OPERATORS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(_STANDARD.split()),
    "ai.onnx.ml": frozenset(_CLASSIC.split()),
    "com.microsoft": frozenset(_MICROSOFT.split()),
}
_ADVICE: Final[Mapping[str, str]] = {
    "ZipMap": "export with zipmap=False",
    "Loop": "unroll the loop before the export",
    "Scan": "unroll the loop before the export",
    "If": "export the branch that is used",
}


def problems(graph: Graph) -> Iterator[Problem]:
    """Yield everything that keeps a graph out of the runtime."""
    yield from _versions(graph)
    yield from _sizes(graph)
    for words, count in graph.forbidden.items():
        advice = "export one self-contained file without control flow"
        yield Problem(MODEL, "", f"no {words}", f"{count}", advice)
    for domain, operator in graph.operators:
        if operator not in OPERATORS.get(domain, ()):
            known = domain in OPERATORS
            expected = "an operator of the allow-list" if known else f"one of {_domains()}"
            found = f"{operator!r} of domain {domain or 'ai.onnx'!r}"
            advice = _ADVICE.get(operator, "rebuild the model without it")
            yield Problem(MODEL, "graph", expected, found[:200], advice)


def _versions(graph: Graph) -> Iterator[Problem]:
    if not MIN_IR <= graph.ir <= MAX_IR:
        advice = f"export with IR version {MAX_IR} or older"
        yield Problem(MODEL, "ir_version", f"{MIN_IR} to {MAX_IR}", str(graph.ir), advice)
    if "" not in graph.opsets and "ai.onnx.ml" not in graph.opsets:
        yield Problem(MODEL, "opset_import", "ai.onnx", "none", "export the model again")
    for domain, version in graph.opsets.items():
        low, high = VERSIONS.get(domain, (0, -1))
        if domain in VERSIONS and not low <= version <= high:
            field, advice = (
                f"opset_import {domain or 'ai.onnx'}",
                f"export with operator set {high}",
            )
            yield Problem(MODEL, field, f"{low} to {high}", str(version), advice)


def _sizes(graph: Graph) -> Iterator[Problem]:
    if graph.nodes > MAX_NODES:
        yield Problem(MODEL, "graph", f"at most {MAX_NODES} nodes", str(graph.nodes), "use fewer")
    if graph.tensors > MAX_TENSORS:
        expected = f"at most {MAX_TENSORS} tensors"
        yield Problem(MODEL, "graph", expected, str(graph.tensors), "merge the constants")


def _domains() -> str:
    return ", ".join(domain or "ai.onnx" for domain in OPERATORS)
