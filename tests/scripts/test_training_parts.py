"""Splits, costs and trees: what every training script stands on."""

import warnings

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.train import costs, split, trees
from scripts.train.costs import Costs, Trace

UNITS = [f"pump-{i}" for i in range(7)]


@given(st.integers(1, 7), st.integers(0, 99))
def test_every_machine_is_in_one_fold(count, seed) -> None:
    parts = split.folds(UNITS * 3, count, seed)
    assert sorted(name for part in parts for name in part) == UNITS
    assert len(parts) == count


def test_too_few_machines_are_not_split() -> None:
    with pytest.raises(ValueError, match="7 machines"):
        split.folds(UNITS, 8, 0)


@given(st.integers(2, 400), st.floats(0.1, 0.9), st.integers(1, 40))
def test_no_window_sees_both_sides_of_a_split_by_time(rows, share, window) -> None:
    try:
        first, rest = split.by_time(rows, share, window)
    except ValueError:
        return
    assert first.stop - first.start >= window
    assert rest.stop - rest.start >= window
    assert rest.start + 1 - window >= first.stop - window + 1  # no shared row
    assert rest.start >= first.stop + window - 1


def trace(scores, faulty) -> Trace:
    return Trace(np.array(scores, float), np.array(faulty, bool))


def test_a_false_alarm_counts_once_however_long_it_lasts() -> None:
    one = trace([0, 9, 9, 9, 0, 9, 0, 9, 9], [0, 0, 0, 0, 0, 0, 0, 1, 1])
    assert costs.count([one], 5) == (0, 2)
    assert costs.count([one], 10) == (1, 0)


def test_an_alarm_that_runs_into_the_fault_is_no_miss() -> None:
    assert costs.count([trace([9, 9, 9], [0, 1, 1])], 5) == (0, 1)


def test_dear_misses_lower_the_level_and_dear_alarms_raise_it() -> None:
    random = np.random.default_rng(0)
    known = [
        trace(np.r_[random.normal(0, 1, 80), random.normal(2, 1, 20)], [0] * 80 + [1] * 20)
        for _ in range(20)
    ]
    bold = costs.choose(known, Costs(miss=100, false_alarm=1))
    shy = costs.choose(known, Costs(miss=1, false_alarm=100))
    assert bold < shy
    for one in (Costs(100, 1), Costs(1, 100)):
        best = costs.cost(known, costs.choose(known, one), one)
        assert all(best <= costs.cost(known, level, one) for level in (0.0, 1.0, 2.0, 3.0))


def test_a_level_lies_in_the_middle_of_what_is_cheapest() -> None:
    level = costs.choose([trace([0, 0, 0, 10, 10], [0, 0, 0, 1, 1])], Costs(1, 1))
    assert 0 < level <= 10


@given(st.floats(-1e30, 1e30))
def test_a_floored_threshold_sends_every_float32_the_same_way(threshold) -> None:
    floor = trees.floored(threshold)
    assert floor <= threshold
    up = np.nextafter(np.float32(floor), np.float32(np.inf))
    assert float(up) > threshold


def scored(graph: bytes, features) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph)
    (found,) = session.run(None, {"features": features.astype(np.float32)})
    return np.asarray(found, dtype=np.float64)


def made_up(rows=600):
    random = np.random.default_rng(5)
    features = random.normal(0, 3, (rows, 4)).round(1).astype(np.float32)
    return features, features[:, 0] * 2 + np.abs(features[:, 1]) + random.normal(0, 0.1, rows)


def test_boosted_trees_say_the_same_as_onnx() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    features, target = made_up()
    model = lightgbm.LGBMRegressor(n_estimators=30, verbose=-1, n_jobs=1).fit(features, target)
    graph = trees.life(list(trees.boosted(model.booster_)), 4)
    wanted = np.maximum(model.booster_.predict(features), 0)
    assert scored(graph, features)[:, 0] == pytest.approx(wanted, abs=1e-4)


def test_a_boosted_classifier_gives_both_probabilities() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    features, target = made_up()
    model = lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1)
    model.fit(features, target > 1)
    found = scored(trees.classes(list(trees.boosted(model.booster_)), 4), features)
    assert found[:, 1] == pytest.approx(model.booster_.predict(features), abs=1e-5)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_an_isolation_forest_says_the_same_as_onnx() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    features, _ = made_up()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forest = ensemble.IsolationForest(n_estimators=20, random_state=0).fit(features)
        wanted = -forest.score_samples(features)
    made, usual = trees.isolating(forest)
    found = scored(trees.isolation(made, usual, 4, level=0.5), features)[:, 0]
    assert found == pytest.approx(wanted / 0.5, rel=1e-4)
