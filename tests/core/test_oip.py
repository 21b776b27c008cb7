"""The Open Inference Protocol: what is sent, and that only what is as wanted is believed."""

import json
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import oip
from gateway.core.oip import Expected, Said, Tensor
from gateway.errors import CloudAnswerError, CloudRefusedError, CloudUnavailableError

WANTED = Expected("q1", "large", output="score")


def body(**changes):
    output = {"name": "score", "shape": [1], "datatype": "FP32", "data": [0.5]}
    output |= changes.pop("output", {})
    told = {"model_name": "large", "model_version": "3", "id": "q1", "outputs": [output]}
    return json.dumps(told | changes).encode()


def test_a_question_holds_the_window_and_what_may_leave_and_no_more():
    tensor = Tensor("window", (1, 2, 1), [0.1, 1.0])
    told = json.loads(oip.question("q1", tensor, {"asset": "asset-x"}))
    sent = {"name": "window", "shape": [1, 2, 1], "datatype": "FP32", "data": [0.1, 1.0]}
    assert told == {"id": "q1", "parameters": {"asset": "asset-x"}, "inputs": [sent]}
    assert "parameters" not in json.loads(oip.question("q1", tensor, {}))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_a_float32_arrives_as_it_was(numbers):
    told = json.loads(oip.question("q", Tensor("t", (1, len(numbers)), numbers), {}))
    import numpy as np

    found = np.asarray(told["inputs"][0]["data"], np.float32)
    assert found.tolist() == np.asarray(numbers, np.float32).tolist()


@pytest.mark.parametrize("data", [[0.5], [[0.5]], [[[0.5]]]])
def test_a_number_counts_in_whatever_shape_it_comes(data):
    assert oip.answer(body(output={"data": data}), WANTED) == Said(0.5, "large", "3", "q1")


def test_the_score_is_the_wanted_one_of_several():
    expected = Expected("q1", "large", output="p", width=3, column=1)
    told = body(output={"name": "p", "data": [[0.2, 0.7, 0.1]]})
    assert oip.answer(told, expected).score == 0.7


def test_an_only_output_needs_no_name_and_one_of_several_does():
    assert oip.answer(body(output={"name": "y"}), WANTED).score == 0.5
    two = json.loads(body(output={"name": "y"}))
    two["outputs"] *= 2
    with pytest.raises(CloudAnswerError, match="no output 'score' but"):
        oip.answer(json.dumps(two).encode(), WANTED)


WRONG = [
    ({"model_name": "small"}, "model"),
    ({"id": "q2"}, "id"),
    ({"outputs": []}, "output"),
    ({"outputs": "none"}, "output"),
    ({"output": {"data": [float("nan")]}}, "finite"),
    ({"output": {"data": [1e999]}}, "finite"),
    ({"output": {"data": [10**400]}}, "finite"),
    ({"output": {"data": [0.5, 0.5]}}, "shape"),
    ({"output": {"data": []}}, "shape"),
    ({"output": {"data": [None]}}, "data"),
    ({"output": {"data": [True]}}, "data"),
    ({"output": {"data": ["0.5"]}}, "data"),
    ({"output": {"data": {"0": 0.5}}}, "data"),
    ({"output": {"data": 0.5}}, "data"),
    ({"output": {"datatype": "BYTES"}}, "datatype"),
]


@pytest.mark.parametrize(("changes", "reason"), WRONG)
def test_what_is_not_as_wanted_is_refused(changes, reason):
    with pytest.raises(CloudAnswerError) as caught:
        oip.answer(body(**changes), WANTED)
    assert caught.value.reason == reason


def test_another_version_than_the_one_that_was_asked_is_refused():
    assert oip.answer(body(), WANTED._replace(version="3")).version == "3"
    with pytest.raises(CloudAnswerError, match="version"):
        oip.answer(body(), WANTED._replace(version="2"))


def test_nested_deeper_than_anybody_needs_is_refused():
    deep = "[" * 100_000 + "]" * 100_000
    text = body(output={"data": []}).replace(b'"data": []', f'"data": {deep}'.encode())
    with pytest.raises(CloudAnswerError):
        oip.answer(text, WANTED)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_is_an_answer_or_an_error(payload):
    try:
        said = oip.answer(payload, WANTED)
    except (CloudAnswerError, CloudRefusedError, CloudUnavailableError):
        return
    assert isfinite(said.score)


def test_over_mqtt_a_status_says_whose_fault_it_is():
    for status, error in ((400, CloudRefusedError), (429, CloudUnavailableError)):
        with pytest.raises(error, match="no"):
            oip.answer(json.dumps({"error": "no", "status": status}).encode(), WANTED)
    with pytest.raises(CloudUnavailableError):
        oip.answer(b'{"error": "no"}', WANTED)


@pytest.mark.parametrize(
    ("status", "ours"), [(400, 1), (401, 1), (404, 1), (408, 0), (429, 0), (500, 0), (302, 0)]
)
def test_whose_fault_a_status_is(status, ours):
    assert oip.is_ours(status) == bool(ours)
