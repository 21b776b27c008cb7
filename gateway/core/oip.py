"""The Open Inference Protocol, version 2: a question as JSON, and what is believed of an answer.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. Over
HTTP a question is POSTed to ``/v2/models/<model>[/versions/<version>]/infer``; over MQTT the same
JSON goes to a topic, and the answer comes to the response topic with the same correlation data.

Servers do not agree on shapes: MLServer gives a column of one number as ``[1, 1]``, Triton as
``[1]``, and either may nest its data. So an output is taken by how many numbers it has.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

from gateway.core.compact import compact
from gateway.errors import CloudAnswerError, CloudRefusedError, CloudUnavailableError

Datatype = Literal["FP32", "FP64"]

MOST_BYTES: Final = 1 << 20
"""Of an answer."""
DEPTH: Final = 8
"""Of nested data."""
WORDS: Final = 200
"""Characters of a server's own words that are kept."""
_NUMBERS: Final = ("FP", "BF", "INT", "UINT")


class Tensor(NamedTuple):
    """The window as it leaves."""

    name: str
    shape: tuple[int, ...]
    data: Sequence[float]
    datatype: Datatype = "FP32"


class Expected(NamedTuple):
    """What must come back."""

    id: str
    model: str
    version: str = ""
    """Empty: any."""
    output: str = ""
    """The output that carries the score; where the answer has no such, its only one counts."""
    width: int = 1
    """Numbers of that output."""
    column: int = 0
    """Which of them is the score."""


class Said(NamedTuple):
    """An answer that may be believed."""

    score: float
    model: str
    version: str
    """As the server has it; empty when it does not say."""
    request: str


def question(id_: str, tensor: Tensor, parameters: Mapping[str, object]) -> bytes:
    """The body of a question; numbers as short as their datatype lets them be."""
    digits = 9 if tensor.datatype == "FP32" else 17
    data = [float(f"{value:.{digits}g}") for value in tensor.data]
    entry = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "datatype": tensor.datatype,
        "data": data,
    }
    body: dict[str, object] = {"id": id_}
    if parameters:
        body["parameters"] = dict(parameters)
    return compact(body | {"inputs": [entry]}).encode()


def answer(payload: bytes, expected: Expected) -> Said:
    """Read an answer.

    Raises:
        CloudAnswerError: it is none, of another model or question, or has other numbers.
        CloudRefusedError: the server says that the question is wrong (``status`` 400 to 499).
        CloudUnavailableError: it says that it cannot answer.
    """
    tree = _tree(payload)
    if "error" in tree:
        raise refusal(tree)
    model, version = str(tree.get("model_name", "")), str(tree.get("model_version") or "")
    if model != expected.model:
        raise CloudAnswerError("model", f"from {model[:WORDS]!r}, not {expected.model!r}")
    if expected.version and version != expected.version:
        raise CloudAnswerError(
            "version", f"of version {version[:WORDS]!r}, not {expected.version!r}"
        )
    if tree.get("id") not in (None, "", expected.id):
        raise CloudAnswerError(
            "id", f"to question {str(tree['id'])[:WORDS]!r}, not {expected.id!r}"
        )
    numbers = _numbers(_output(tree, expected.output), expected.width)
    if not all(map(isfinite, numbers)):
        raise CloudAnswerError("finite", "a number of it is not finite")
    return Said(numbers[expected.column], model, version[:WORDS], expected.id)


def refusal(tree: Mapping[str, Any]) -> CloudRefusedError | CloudUnavailableError:
    """What a server's own words mean: over MQTT ``status`` stands for HTTP's."""
    words, status = str(tree.get("error"))[:WORDS], tree.get("status")
    ours = isinstance(status, int) and is_ours(status)
    return CloudRefusedError(words) if ours else CloudUnavailableError(words)


def is_ours(status: int) -> bool:
    """A status that says that the question is wrong; too many or too slow is its own trouble."""
    return 400 <= status < 500 and status not in (408, 425, 429)  # noqa: PLR2004  # RFC 9110, 15.5


def words_of(payload: bytes) -> str:
    """What a server says beside a bad status, cut short."""
    try:
        tree = _tree(payload)
    except CloudAnswerError:
        return ""
    return str(tree.get("error") or tree.get("detail") or "")[:WORDS]


def _tree(payload: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise CloudAnswerError("json", f"no JSON but {payload[:20]!r}") from error
    if not isinstance(tree, dict):
        raise CloudAnswerError("json", "no JSON object")
    return tree


def _output(tree: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    found = tree.get("outputs")
    outputs = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    named = [one for one in outputs if one.get("name") == wanted]
    chosen = named or (outputs if len(outputs) == 1 else [])
    if not chosen:
        names = [str(one.get("name"))[:40] for one in outputs[:8]]
        raise CloudAnswerError("output", f"no output {wanted!r} but {names}")
    return chosen[0]


def _numbers(output: Mapping[str, Any], width: int) -> list[float]:
    datatype, data = str(output.get("datatype", "")), output.get("data")
    if not datatype.startswith(_NUMBERS):
        raise CloudAnswerError("datatype", f"{datatype[:20]!r} is no number")
    try:
        numbers = list(_flat(data, width, DEPTH))
    except TypeError as error:
        raise CloudAnswerError("data", str(error)) from error
    if len(numbers) != width:
        raise CloudAnswerError("shape", f"{_count(len(numbers), width)} numbers, not {width}")
    return numbers


def _count(found: int, width: int) -> str:
    return f"{found}" if found <= width else f"more than {width}"


def _flat(data: object, most: int, depth: int) -> Iterator[float]:
    """The numbers of nested lists, one more than ``most`` at the most."""
    if not isinstance(data, list) or not depth:
        raise TypeError("the data is no list of numbers")
    left = most + 1
    for one in data:
        if isinstance(one, list):
            inner = list(_flat(one, left, depth - 1))
        elif isinstance(one, int | float) and not isinstance(one, bool):
            inner = [_float(one)]
        else:
            raise TypeError("the data is no list of numbers")
        yield from inner
        left -= len(inner)
        if left <= 0:
            return


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")
