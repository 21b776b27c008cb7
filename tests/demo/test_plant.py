"""The laws of the simulated plant."""

from copy import deepcopy
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.plant import PUMPS, WEARING, Plant, rows, simulate, wear_after

seeds = st.integers(0, 2**32)


@given(seed=seeds, wear=st.none() | st.floats(0, 20))
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_history(seed, wear):
    assert simulate(seed, 30, 1.0, wear) == simulate(seed, 30, 1.0, wear)


def test_another_seed_gives_another_history():
    assert simulate(1, 10) != simulate(2, 10)


@given(seed=seeds, wear=st.none() | st.floats(0, 5), off_at=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_every_quantity_is_finite_and_never_negative(seed, wear, off_at):
    plant = Plant(seed, wear_start_s=wear)
    for second in range(40):
        if second == off_at:
            plant.pumps[WEARING].on = False
        plant.step(1.0)
        for pump in plant.pumps.values():
            assert all(0 <= value < 1e4 for value in pump.row)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_a_healthy_pump_stays_in_its_band(seed):
    for row in simulate(seed, 300, 1.0):
        assert row.wear == 0
        assert row.vibration < 2.6
        assert 380 < row.power < 720
        assert row.temperature < 60


@given(st.floats(0, 200), st.floats(0, 200))
def test_wear_never_heals(early, late):
    first, second = sorted((early, late))
    assert wear_after(first) <= wear_after(second)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_vibration_shows_the_wear_long_before_temperature_does(seed):
    history = simulate(seed, 90, 0.5, 20)
    shaking = next(row.at_s for row in history if row.vibration > 2.6)
    drawing = next(row.at_s for row in history if row.power > 720)
    hot = next(row.at_s for row in history if row.temperature > 90)
    assert shaking < drawing < hot
    assert hot - shaking > 10


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_a_pump_whose_plug_is_off_draws_nothing_and_soon_moves_nothing(seed):
    plant = Plant(seed, wear_start_s=5)
    plant.step(25)
    plant.pumps[WEARING].on = False
    stopped = list(rows(plant, 12, 0.1))
    assert all(row.power == 0 for row in stopped)
    assert stopped[-1].flow == 0
    assert stopped[-1].vibration < 0.1
    assert all(later.wear == early.wear for early, later in pairwise(stopped))
    assert stopped[-1].temperature < stopped[0].temperature + 1


def test_a_stopped_pump_starts_again():
    plant = Plant(3)
    plant.pumps[WEARING].on = False
    plant.step(30)
    plant.pumps[WEARING].on = True
    plant.step(10)
    assert plant.pumps[WEARING].row.flow > 100


def test_a_copy_is_the_other_future_with_the_same_noise():
    plant = Plant(7, wear_start_s=5)
    plant.step(20)
    twin = deepcopy(plant)
    assert list(rows(plant, 10)) == list(rows(twin, 10))


def test_only_one_pump_wears():
    plant = Plant(1, wear_start_s=1)
    plant.step(30)
    assert [plant.pumps[name].wear > 0 for name in PUMPS] == [False, False, True]


@pytest.mark.parametrize("step_s", [0.05, 0.5, 2.0])
def test_time_is_the_sum_of_the_steps(step_s):
    plant = Plant(1)
    for _ in range(20):
        plant.step(step_s)
    assert plant.at_s == pytest.approx(20 * step_s)
