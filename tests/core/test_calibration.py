import json
from array import array
from math import inf, isfinite, nan
from random import Random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.calibration import RELATIVE_FLOOR, Calibration, ScoreLevel

VALUES = st.floats(min_value=-1e6, max_value=1e6)
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=2, max_size=40)


def learnt(rows: list[tuple[float, ...]]) -> Calibration:
    calibration = Calibration(len(rows), len(rows[0]))
    for row in rows:
        calibration.add(row)
    return calibration


@given(ROWS)
def test_mean_and_sd_are_those_of_the_rows(rows: list[tuple[float, ...]]) -> None:
    calibration = learnt(rows)
    for i, column in enumerate(zip(*rows, strict=True)):
        assert calibration.mean[i] == pytest.approx(fmean(column), rel=1e-9, abs=1e-6)
        floor = max(RELATIVE_FLOOR * abs(fmean(column)), 1e-6)
        assert calibration.sd[i] == pytest.approx(max(pstdev(column), floor), rel=1e-6, abs=1e-6)


@given(ROWS)
def test_a_standardised_window_is_finite_and_can_be_undone(rows: list[tuple[float, ...]]) -> None:
    calibration = learnt(rows)
    values = array("d", [value for row in rows for value in row])
    standardised = calibration.apply(values, 3)
    undone = [
        value * calibration.sd[i % 3] + calibration.mean[i % 3]
        for i, value in enumerate(standardised)
    ]
    assert undone == pytest.approx(list(values), rel=1e-9, abs=1e-6)


@given(ROWS, st.integers(0, 40), st.tuples(VALUES, VALUES, VALUES))
def test_text_keeps_everything_at_any_moment(
    rows: list[tuple[float, ...]], cut: int, extra: tuple[float, ...]
) -> None:
    calibration = Calibration(len(rows), 3)
    for row in rows[:cut]:
        calibration.add(row)
    copy = Calibration.from_json(calibration.to_json(), len(rows), 3)
    for one in (calibration, copy):
        for row in [*rows[cut:], extra]:
            one.add(row)
    assert (copy.mean, copy.sd, copy.ready) == (calibration.mean, calibration.sd, True)


def test_independent_rows_keep_their_plain_sd() -> None:
    random = Random(1)
    rows = [(random.gauss(5, 2),) for _ in range(4000)]
    assert learnt(rows).sd[0] == pytest.approx(2, rel=0.15)


def test_a_channel_that_wanders_gets_the_sd_of_the_long_run() -> None:
    random, value, rows = Random(1), 0.0, []
    for _ in range(4000):
        value = 0.9 * value + random.gauss(0, 1)
        rows.append((value,))
    plain = pstdev(row[0] for row in rows)
    assert learnt(rows).sd[0] > 2.5 * plain


@given(st.integers(0, 150))
def test_text_keeps_half_a_batch(cut: int) -> None:
    random = Random(cut)
    rows = [(random.gauss(i / 9, 1),) for i in range(150)]
    calibration = Calibration(150, 1)
    for row in rows[:cut]:
        calibration.add(row)
    copy = Calibration.from_json(calibration.to_json(), 150, 1)
    for row in rows[cut:]:
        copy.add(row)
    assert copy.to_json() == learnt(rows).to_json()
    assert copy.sd == learnt(rows).sd


def test_it_says_when_it_is_done_and_is_frozen_from_then_on() -> None:
    calibration = Calibration(3, 1)
    assert [calibration.add([v]) for v in (1.0, 2.0, 3.0)] == [False, False, True]
    before = calibration.to_json()
    assert calibration.add([1e9])
    assert calibration.to_json() == before


@pytest.mark.parametrize("row", [[1.0, nan], [inf, 1.0], [1.0], [1.0, 2.0, 3.0]])
def test_an_incomplete_row_is_left_out(row: list[float]) -> None:
    calibration = Calibration(2, 2)
    assert not calibration.add(row)
    assert calibration.seen == 0


def test_a_channel_that_stood_still_is_floored() -> None:
    calibration = learnt([(230.0, 0.0), (230.0, 0.0)])
    assert calibration.sd == pytest.approx((0.23, 1e-6))


def test_a_window_is_refused_before_it_is_ready_and_in_another_shape() -> None:
    calibration = Calibration(2, 2)
    with pytest.raises(ValueError, match="0 of 2 rows"):
        calibration.apply(array("d", [1.0, 2.0]), 2)
    calibration.add([1.0, 2.0])
    calibration.add([2.0, 3.0])
    with pytest.raises(ValueError, match="3 values of 2"):
        calibration.apply(array("d", [1.0, 2.0, 3.0]), 2)


def damaged(**changes: object) -> str:
    tree = json.loads(learnt([(1.0, 2.0), (2.0, 3.0)]).to_json())
    return json.dumps(tree | {"rows": tree["rows"] | changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "1",
        '{"of": 2}',
        '{"of": 9}',
        damaged(count=3),
        damaged(count="1"),
        damaged(count=1.5),
        damaged(mean=[0.0]),
        damaged(mean=[0.0, nan]),
        damaged(mean=None),
        damaged(square=[0.0, -1.0]),
        damaged(square=[0.0, 10**400]),
    ],
)
def test_text_that_does_not_fit_starts_anew(text: str) -> None:
    assert Calibration.from_json(text, 2, 2).seen == 0


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (0, 3), (5, 0)])
def test_too_little_to_learn_from_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(ValueError, match="cannot be calibrated"):
        Calibration(rows, columns)


def test_its_text_is_json() -> None:
    assert json.loads(Calibration(2, 1).to_json())["rows"]["count"] == 0


LEVEL = ScoreLevel(quantile=0.9, factor=2.0, rows=10, on=4.0)


def levelled(*scores: float) -> Calibration:
    learnt = Calibration(2, 1, level=LEVEL)
    for row in ((1.0,), (2.0,)):
        learnt.add(row)
    assert [learnt.scaled(score) for score in scores] == [None] * len(scores)
    return learnt


def test_a_level_is_a_quantile_of_the_first_scores_times_a_factor():
    """The package's level is 4; here 0.9 of the scores lie below 10, and 10 times 2 is 20."""
    learnt = levelled(*range(1, 11))
    assert learnt.scaled(20.0) == 4.0
    assert learnt.scaled(10.0) == 2.0
    assert learnt.progress == 12


def test_a_level_goes_on_where_it_was_after_a_restart():
    half = levelled(1, 2, 3, 4, 5)
    again = Calibration.from_json(half.to_json(), 2, 1, LEVEL)
    assert [again.scaled(score) for score in (6, 7, 8, 9, 10)] == [None] * 5
    assert again.scaled(20.0) == 4.0
    assert Calibration.from_json(again.to_json(), 2, 1, LEVEL).scaled(20.0) == 4.0


def test_scores_that_are_all_zero_do_not_make_a_level_of_zero():
    learnt = levelled(*[0.0] * 10)
    assert isfinite(learnt.scaled(1.0))


@pytest.mark.parametrize(
    "damage", [{"ratio": 0}, {"ratio": "x"}, {"scores": [1e999]}, {"scores": 3}]
)
def test_a_damaged_level_is_learnt_anew(damage):
    whole = levelled(*range(1, 11))
    text = json.dumps(json.loads(whole.to_json()) | damage)
    again = Calibration.from_json(text, 2, 1, LEVEL)
    assert (again.seen, again.ratio) == (0, None)


def test_without_a_level_scores_are_as_they_are():
    assert Calibration(2, 1).scaled(3.5) == 3.5
