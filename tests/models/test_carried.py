"""Carried state through the real worker: window by window as in one long run."""

from array import array

import numpy as np
import pytest

from gateway.adapters.answers import Job
from gateway.adapters.worker import Worker
from gateway.core.carried import Carried
from gateway.errors import PackageError
from tests.models import make

DEADLINE_S = 60.0


@pytest.fixture
def worker(tmp_path):
    worker = Worker()
    worker.start()
    package = make.write(tmp_path / "package", make.KINDS["stateful"]())
    worker.load("m", package.path)
    yield worker
    worker.stop()


def carried(warmup=0):
    return Carried((("next", 6),), 1_000, warmup)


def asked(worker, state, row):
    job = Job("m", "pump", array("d", row), 1, make.CHANNELS, state.values)
    (answer,) = worker.judge([job], DEADLINE_S)
    state.take(answer.outputs)
    return answer.score


def test_the_score_depends_on_what_came_before(worker):
    rows = np.random.default_rng(5).normal(size=(4, make.CHANNELS))
    state = carried()
    scores = [asked(worker, state, row) for row in rows]
    assert state.steps == 4
    assert asked(worker, carried(), rows[3]) != pytest.approx(scores[3])
    again = carried()
    assert [asked(worker, again, row) for row in rows] == pytest.approx(scores)


def test_assets_with_and_without_a_state_share_a_call(worker):
    row, state = [0.1, 0.2, 0.3], carried()
    asked(worker, state, row)
    jobs = [Job("m", asset, array("d", row), 1, make.CHANNELS, values)
            for asset, values in [("a", ()), ("b", state.values), ("c", (0.0,) * 6)]]  # fmt: skip
    first, second, third = (answer.score for answer in worker.judge(jobs, DEADLINE_S))
    assert first == pytest.approx(third)
    assert first != pytest.approx(second)


def test_a_state_that_is_not_finite_or_of_another_size_is_refused(worker):
    for values, says in [((float("nan"),) * 6, "non-finite input"), ((1.0,), "expected 6")]:
        job = Job("m", "pump", array("d", [0, 0, 0]), 1, make.CHANNELS, values)
        (answer,) = worker.judge([job], DEADLINE_S)
        assert says in answer.error


def test_a_state_of_another_size_than_the_graph_s_is_refused(tmp_path):
    recipe = make.KINDS["stateful"]()
    make.write(tmp_path, recipe)
    state = {"carried": [{"input": "h", "output": "next", "size": 5}]}
    with pytest.raises(PackageError, match=r"state 'h': expected \[n, 5\], found \[n, 6\]"):
        make.write(tmp_path, recipe, state=state)


def test_a_window_left_out_begins_again_and_warms_up():
    state = carried(warmup=2)
    answer = {"next": (1.0,) * 6}
    said = []
    for end_ms in (1_000, 2_000, 3_000, 5_000):
        state.meet(end_ms)
        state.take(answer)
        said.append(state.warming)
    assert said == ["warming up 1 of 2", "warming up 2 of 2", "", "warming up 1 of 2"]


def test_a_package_may_let_it_go_on_over_a_few_missing_windows():
    state = Carried((("next", 6),), 1_000, 0, bridge=2)
    steps = []
    for end_ms in (1_000, 4_000, 8_000, 8_500, 7_500):
        state.meet(end_ms)
        state.take({"next": (1.0,) * 6})
        steps.append(state.steps)
    assert steps == [1, 2, 1, 1, 1]


def test_it_outlives_a_restart_and_a_damaged_row_does_not_matter():
    state, other = carried(), carried()
    state.meet(1_000)
    state.take({"next": range(6)})
    other.restore(state.to_json())
    assert other == state
    for damaged in ["", "[]", "{}", '{"values": [1], "steps": 1, "end_ms": 1}']:
        fresh = carried()
        fresh.restore(damaged)
        assert fresh == carried()


def test_an_answer_without_the_state_begins_again():
    state = carried()
    state.take({"next": (1.0,) * 6})
    state.take({})
    assert (state.steps, state.values) == (0, (0.0,) * 6)
