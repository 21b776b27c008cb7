"""Explanations in the worker's own process: exact where the truth is known."""

import time

import numpy as np
import pytest

from gateway.core.frames import Frame, decode
from gateway.models.explain import completed, explain, golden_mean, occluded
from gateway.models.package import unpack
from gateway.models.session import RunError, open_session
from gateway.models.watchdog import Watchdog
from gateway.models.worker import Desk
from scripts.train import bearing
from tests.models import make

LIMIT_S = 60.0
WEIGHTS = np.array([1.0, 3.0, -2.0])


def weighted_sum(weights=WEIGHTS):
    """score = the mean row times the weights: what each channel adds is known exactly."""
    nodes = [
        make.node("ReduceMean", "window rows", "mean", keepdims=0),
        make.node("MatMul", "mean weights", "score"),
    ]
    column = make.tensor("weights", np.asarray(weights).reshape(-1, 1))
    return make.Recipe(make.model(nodes, [make.tensor("rows", [1], np.int64), column]))


def opened(directory, recipe, **changes):
    package, contents = unpack(make.write(directory, recipe, **changes).path)
    session = open_session(package, contents, Watchdog(), LIMIT_S)
    return session, golden_mean(package, contents)


def ask(session, window, baseline, method="auto"):
    return explain(session, window, np.asarray(baseline), method, time.monotonic() + LIMIT_S)


def window(*row):
    return np.tile(np.asarray(row, np.float64), (1, make.ROWS, 1))


def test_occlusion_of_a_linear_model_is_weight_times_distance_from_the_baseline(tmp_path):
    session, _ = opened(tmp_path, weighted_sum())
    found = ask(session, window(2.0, 5.0, 1.0), [1.0, 1.0, 1.0])
    assert found.method == "occlusion"
    assert found.weights == pytest.approx([1 * 1.0, 3 * 4.0, 0.0], abs=1e-5)


def test_equal_distances_give_weights_in_proportion_to_the_model_s_own(tmp_path):
    session, _ = opened(tmp_path, weighted_sum())
    found = ask(session, window(1.0, 1.0, 1.0), [0.0, 0.0, 0.0])
    assert found.weights == pytest.approx(WEIGHTS, abs=1e-5)


def test_a_score_that_alarms_when_low_is_explained_the_other_way_round(tmp_path):
    levels = [{"label": "alarm", "on": 10.0, "off": 12.0}]
    session, _ = opened(
        tmp_path, weighted_sum(), decision={"raises": "below", "levels": levels}, task="rul"
    )
    found = ask(session, window(1.0, 1.0, 1.0), [0.0, 0.0, 0.0])
    assert found.weights == pytest.approx(-WEIGHTS, abs=1e-5)


def test_residuals_of_the_model_are_preferred_and_can_be_declined(tmp_path):
    session, _ = opened(tmp_path, make.autoencoder())
    cells = np.random.default_rng(3).normal(size=(1, make.ROWS, make.CHANNELS))
    own = ask(session, cells, [0.0] * make.CHANNELS)
    judged = session.judge(cells, time.monotonic() + LIMIT_S)
    assert own.method == "residuals"
    assert own.weights.tolist() == judged.outputs[1][0].tolist()
    assert ask(session, cells, [0.0] * make.CHANNELS, "occlusion").method == "occlusion"


@pytest.mark.parametrize("kind", ["linear", "mlp", "convolution", "gru", "lstm"])
def test_an_explanation_is_what_single_runs_say_for_every_kind(kind, tmp_path):
    session, mean = opened(tmp_path, make.KINDS[kind]())
    cells = np.random.default_rng(4).normal(size=(1, *session_dims(session)))
    found = ask(session, cells, mean)
    deadline = time.monotonic() + LIMIT_S
    alone = [session.judge(one[None], deadline).scores[0] for one in occluded(cells, mean)]
    assert found.weights == pytest.approx(alone[0] - np.array(alone[1:]), abs=1e-5)


def session_dims(session):
    return session.package.shape.length, len(session.package.shape.channels)


def test_what_the_baseline_leaves_open_is_the_mean_of_the_golden_windows(tmp_path):
    recipe = weighted_sum()
    package, contents = unpack(make.write(tmp_path, recipe).path)
    mean = golden_mean(package, contents)
    assert completed([None, 5.0, None], mean).tolist() == [mean[0], 5.0, mean[2]]
    for bad in ([None], [None, float("nan"), None]):
        with pytest.raises(RunError, match="baseline"):
            completed(bad, mean)


@pytest.mark.parametrize(
    ("cells", "method", "why"),
    [
        (np.zeros((1, 2, 3)), "auto", "a window of"),
        (window(0, 0, 0), "residuals", "no residuals"),
        (window(0, float("nan"), 0), "auto", "non-finite input"),
    ],
)
def test_what_cannot_be_explained_says_why(tmp_path, cells, method, why):
    session, mean = opened(tmp_path, weighted_sum())
    with pytest.raises(RunError, match=why):
        ask(session, cells, mean, method)


def test_the_worker_answers_with_weights_and_baseline_or_with_an_error(tmp_path):
    desk = Desk()
    path = str(make.write(tmp_path, weighted_sum()).path)

    def asked(**header):
        block = window(2.0, 5.0, 1.0).tobytes()
        whole = {"rows": make.ROWS, "columns": 3, "method": "auto", "limit_s": LIMIT_S, **header}
        return decode(desk.answer(Frame({"seq": 1, **whole}, block)))

    asked(op="load", name="m", path=path)
    answer = asked(op="explain", model="m", baseline=[1, 1, 1])
    assert answer.header == {"seq": 1, "method": "occlusion"}
    assert np.frombuffer(answer.block) == pytest.approx([1, 12, 0, 1, 1, 1, 2, 5, 1], abs=1e-5)
    assert asked(op="explain", model="x", baseline=[]).header["error"] == "no such model"
    assert "baseline of 1" in asked(op="explain", model="m", baseline=[1]).header["error"]


def test_a_signal_is_explained_by_its_features_from_both_ends():
    """The shipped package: the order of the damaged part is among what raises the score."""
    package, contents = unpack(bearing.OUT)
    session = open_session(package, contents, Watchdog(), LIMIT_S)
    features = package.manifest.input.described
    usual = golden_mean(package, contents)
    assert len(features) == len(usual) == len(bearing.SETTINGS.names())
    samples = bearing.block(np.random.default_rng(202), "outer", 1800.0, 10.0)
    block = np.column_stack([samples, np.full(len(samples), 1800.0)])[np.newaxis]
    given = [package.manifest.explain.baseline.get(one.name) for one in features]
    found = explain(session, block, completed(given, usual), "auto", time.monotonic() + LIMIT_S)
    assert found.method == "occlusion"
    top = sorted(zip(found.weights, features, strict=True), key=lambda one: -one[0])[:3]
    assert "envelope at 3.5848 per turn" in [feature.words for _, feature in top]
    assert found.values == pytest.approx(session.features(block)[0].astype(float))
    without_unit = {
        one.name.split(".", 1)[1] for w, one in zip(found.weights, features, strict=True) if w
    }
    assert not {name for name in without_unit if name.startswith(("rms", "peak", "band"))}


def test_a_baseline_for_another_number_of_features_is_refused():
    package, contents = unpack(bearing.OUT)
    session = open_session(package, contents, Watchdog(), LIMIT_S)
    block = np.zeros((1, bearing.SAMPLES, 2))
    with pytest.raises(RunError, match="features"):
        explain(session, block, np.zeros(2), "auto", time.monotonic() + LIMIT_S)
