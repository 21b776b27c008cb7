from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Asset, ModelRung, RuleRung
from gateway.core.ladder import ModelState, Question, Turn
from gateway.core.latest import Latest
from gateway.core.paths import Path
from gateway.core.readings import Metric, Reading
from gateway.core.rules import parse
from gateway.core.uncertainty import Conformal, TrainingRange, Trust
from gateway.core.windows import Channel, Shape, Window, Windows
from gateway.models.contract import Decision, Level

HEAT = Metric("heat", "s", "d", Path.parse("heat"), asset="pump")
LEVELS = Decision((Level("warning", 1.0, 0.8), Level("alarm", 2.0, 1.6)))
RANGE = TrainingRange(("heat", "flow"), ((0.0, 10.0), (-1.0, 1.0)), 0.25)
CONFORMAL = Conformal(0.3, 0.9, "12 pumps")


def turn(trust, values=(1.0, 0.0, 2.0, 0.5)):
    rungs = (ModelRung("m"), RuleRung(parse("heat > 90"), "alarm"))
    asset = Asset("pump", "Pump", {"heat": HEAT}, ladder=rungs)
    latest = Latest(asset.metrics, {})
    latest.take(Reading(HEAT, 20.0), 0, 0)
    shape = Shape((Channel("heat", "degC"), Channel("flow", "1")), 1_000, 2)
    state = ModelState(
        ModelRung("m"), Windows(shape), LEVELS.decide, "1", "ab", ("heat", "flow"), trust=trust
    )
    window = Window(2_000, array("d", values), values[-2:], 1.0)
    return Turn(asset, 0, 0, latest, {"m": state}, window)


def test_a_window_like_the_training_is_shown_to_the_model():
    assert isinstance(turn(Trust(ood=RANGE)).step(), Question)


def test_some_cells_may_lie_outside():
    assert isinstance(turn(Trust(ood=RANGE), (1.0, 0.0, 2.0, 9.0)).step(), Question)


def test_a_window_unlike_the_training_is_never_shown_and_its_worst_channel_is_named():
    verdict = turn(Trust(ood=RANGE), (1.0, 5.0, 99.0, 5.0)).step()
    assert verdict.rung == "rule:2"
    assert verdict.abstained == {"model:m": "range flow: 75% of the window outside"}


def test_without_the_declaration_no_window_is_too_strange():
    assert isinstance(turn(Trust(), (1e9, 1e9, 1e9, 1e9)).step(), Question)


def test_a_channel_without_limits_is_held_against_nothing():
    half = TrainingRange(("heat", "flow"), ((0.0, 10.0), None), 0.0)
    assert half.outside([5.0, 1e9, 5.0, -1e9]) == ""


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (0.6, None),
        (0.8, "interval 0.5 to 1.1: normal or warning"),
        (1.2, "interval 0.9 to 1.5: normal or warning"),
        (1.5, None),
        (1.9, "interval 1.6 to 2.2: warning or alarm"),
        (2.4, None),
    ],
)
def test_an_interval_that_reaches_another_label_is_no_answer(score, why):
    subject = turn(Trust(conformal=CONFORMAL))
    subject.step()
    verdict = subject.answered("m", score)
    if why is None:
        assert verdict.rung == "model:m"
        assert verdict.interval == pytest.approx((score - 0.3, score + 0.3))
    else:
        assert (verdict.rung, verdict.label, verdict.score) == ("rule:2", "normal", None)
        assert verdict.abstained == {"model:m": why}


def test_an_uncertain_score_leaves_the_held_label_as_it_was():
    subject = turn(Trust(conformal=CONFORMAL))
    subject.step()
    subject.answered("m", 1.5)
    subject.answered("m", 0.9)
    assert subject.models["m"].held == "warning"


def test_a_model_without_calibrated_residuals_has_no_interval():
    subject = turn(Trust())
    subject.step()
    assert subject.answered("m", 0.99).interval is None


@given(st.floats(-5, 5), st.sampled_from(["normal", "warning", "alarm"]))
def test_an_answer_has_one_label_all_over_its_interval(score, held):
    if CONFORMAL.crosses(score, held, LEVELS.decide):
        return
    low, high = CONFORMAL.interval(score)
    within = [low + (high - low) * i / 20 for i in range(21)]
    assert len({LEVELS.decide(one, held)[0] for one in within}) == 1
