from math import sqrt
from random import Random

import pytest

from gateway.core.drift import Drift, Drifts

RHO = 0.9
NAMES = ("flow", "score")


def series(seed, rho=RHO, mean=50.0, sd=4.0):
    random, value = Random(seed), 0.0
    step = sqrt(1 - rho * rho)
    while True:
        value = rho * value + step * random.gauss(0, 1)
        yield mean + sd * value


def learnt(seed, rho=RHO):
    drift, source = Drift(), series(seed, rho)
    while not drift.ready:
        drift.add(next(source))
    return drift, source


@pytest.mark.parametrize("seed", range(12))
def test_ten_thousand_healthy_correlated_samples_are_no_drift(seed):
    drift, source = learnt(seed)
    assert not any(drift.add(next(source)) for _ in range(10_000))


@pytest.mark.parametrize("shift_sd", [1.0, -1.0, 2.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_lasting_shift_is_found_within_four_thousand_samples(seed, shift_sd):
    drift, source = learnt(seed)
    found = next(i for i in range(4_000) if drift.add(next(source) + 4.0 * shift_sd))
    assert found > 8
    assert drift.drifted
    assert (drift.shift > 0) is (shift_sd > 0)


def test_a_longer_memory_of_the_process_makes_longer_blocks():
    assert learnt(1, 0.0)[0].block < learnt(1, 0.9)[0].block < learnt(1, 0.99)[0].block


def test_a_random_walk_is_learnt_for_ever_and_never_called_drift():
    random, value, drift = Random(4), 0.0, Drift()
    for _ in range(30_000):
        value += random.gauss(0, 1)
        assert not drift.add(value)
    assert not drift.ready


def test_a_level_that_comes_back_is_no_drift_any_more():
    drift, source = learnt(2)
    while not drift.drifted:
        drift.add(next(source) + 8.0)
    for _ in range(3_000):
        if drift.add(next(source)):
            break
    assert not drift.drifted


def test_a_sensor_that_stood_still_while_it_was_learnt_is_no_division_by_zero():
    drift = Drift()
    for _ in range(10_000):
        drift.add(7.0)
    assert drift.ready
    assert not drift.drifted


def test_what_is_not_finite_is_left_out():
    drift, _ = learnt(1)
    before = drift.to_tree()
    assert not drift.add(float("nan"))
    assert drift.to_tree() == before


def test_the_memory_survives_the_store_to_the_bit():
    first = Drifts(NAMES)
    source = series(3)
    for _ in range(1_500):
        first.row((next(source),))
        first.score(next(source))
    second = Drifts.from_json(first.to_json(), NAMES)
    for _ in range(3_000):
        value = next(source)
        first.row((value,))
        second.row((value,))
    assert first.to_json() == second.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"flow": [1, 2]}', '{"flow": null}', '{"flow": [0, [], "x"]}']
)
def test_a_damaged_memory_starts_anew(text):
    assert Drifts.from_json(text, NAMES).to_json() == Drifts(NAMES).to_json()


def test_a_reset_learns_anew_and_ends_what_was_raised():
    drifts = Drifts(NAMES)
    drift, source = learnt(2)
    drifts.each[0] = drift
    while not drift.drifted:
        drifts.row((next(source) + 8.0,))
    assert (drifts.changed, [name for name, _ in drifts.drifted()]) == (True, ["flow"])
    drifts.changed = False
    drifts.reset()
    assert (drifts.changed, drifts.drifted()) == (True, [])
