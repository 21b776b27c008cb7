"""Laws of combining models."""

from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ensembles import Bound, Heard, Scale, combine

ALARM = (Bound("alarm", 1.0, 0.8),)
LEVELS = (Bound("watch", 1.0, 0.9), Bound("alarm", 2.0, 1.8))
SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9)


def said(relative: float, label: str = "normal") -> Heard:
    return Heard("m", "1.0.0", "", label, relative, relative)


@given(SCORES)
def test_mean_median_and_max_are_what_they_are_called(scores: list[float]) -> None:
    heard = [said(score) for score in scores]
    assert combine(heard, "mean", ALARM).score == fmean(scores)
    assert combine(heard, "median", ALARM).score == median(scores)
    assert combine(heard, "max", ALARM).score == max(scores)


@given(SCORES, st.sampled_from(["mean", "median", "max"]))
def test_the_order_of_the_models_does_not_matter(scores: list[float], how: str) -> None:
    there = combine([said(score) for score in scores], how, LEVELS)
    back = combine([said(score) for score in reversed(scores)], how, LEVELS)
    assert there.label == back.label
    assert there.score == pytest.approx(back.score)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.booleans())
def test_a_model_alone_raises_its_label_at_one(on: float, score: float, below: bool) -> None:
    scale = Scale((Bound("alarm", on, on),), below=below)
    over = score <= on if below else score >= on
    assert (scale.relative(score) >= 1) is over
    assert scale.bounds()[0].on == 1


@given(st.floats(-1e6, 0), st.floats(-1e6, 1e6), st.booleans())
def test_a_level_at_or_below_zero_has_a_scale_too(on: float, score: float, below: bool) -> None:
    scale = Scale((Bound("alarm", on, on),), below=below)
    far = abs(score - on) > 1e-6
    if far:
        assert (scale.relative(score) >= 1) is (score <= on if below else score >= on)


def test_a_label_holds_until_the_score_is_below_off() -> None:
    assert combine([said(0.9)], "mean", ALARM).label == "normal"
    assert combine([said(0.9)], "mean", ALARM, "alarm") == ("alarm", 0.9, 0.8)
    assert combine([said(0.7)], "mean", ALARM, "alarm").label == "normal"
    assert combine([said(2.5)], "mean", LEVELS).label == "alarm"


@pytest.mark.parametrize(
    ("labels", "winner", "share"),
    [
        (("normal", "normal", "alarm"), "normal", 1 / 3),
        (("normal", "alarm"), "alarm", 1 / 2),
        (("watch", "alarm", "normal"), "alarm", 2 / 3),
        (("watch", "watch", "alarm"), "watch", 1.0),
        (("normal", "strange"), "strange", 1 / 2),
    ],
)
def test_a_vote_goes_to_the_majority_and_a_tie_to_the_worse(
    labels: tuple[str, ...], winner: str, share: float
) -> None:
    combined = combine([said(0, label) for label in labels], "vote", LEVELS)
    assert (combined.label, combined.score) == (winner, share)
