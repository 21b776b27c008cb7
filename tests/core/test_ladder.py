from array import array

from gateway.core.assets import Asset, ModelRung, RuleRung
from gateway.core.calibration import Calibration, ScoreLevel
from gateway.core.ladder import UNKNOWN, ModelState, Question, Turn
from gateway.core.latest import Latest
from gateway.core.paths import Path
from gateway.core.readings import Metric, Reading
from gateway.core.rules import parse
from gateway.core.verdicts import Verdict
from gateway.core.windows import Channel, Shape, Window, Windows

HEAT = Metric("heat", "s", "d", Path.parse("heat"), asset="pump", stale_ms=1_000)
SHAPE = Shape((Channel("heat", "degC"),), 1_000, 2)
GOOD = Window(2_000, array("d", [1.0, 2.0]), (2.0,), 1.0)


def decide(score, held):
    return ("alarm", 1.0) if score >= (0.8 if held == "alarm" else 1.0) else ("normal", 1.0)


def turn(*rungs, window=GOOD, heat=None, now=0, calibration=None, models=True):
    asset = Asset("pump", "Pump", {"heat": HEAT}, ladder=rungs)
    latest = Latest(asset.metrics, {})
    if heat is not None:
        latest.take(Reading(HEAT, heat), 0, 0)
    state = ModelState(ModelRung("m"), Windows(SHAPE), decide, "1", "ab", ("heat",), calibration)
    return Turn(asset, now, now, latest, {"m": state} if models else {}, window)


HOT = RuleRung(parse("heat > 90"), "alarm")
WARM = RuleRung(parse("heat > 50"), "warning")
GUARD = RuleRung(parse("heat > 90"), "alarm", guard=True)


def test_the_model_is_asked_first():
    asked = turn(ModelRung("m"), HOT).step()
    assert asked == Question("m", "pump", array("d", [1.0, 2.0]), 2, 1)


def test_its_score_becomes_a_label_with_hysteresis():
    subject = turn(ModelRung("m"))
    subject.step()
    assert subject.answered("m", 0.9).label == "normal"
    assert subject.answered("m", 1.1).label == "alarm"
    verdict = subject.answered("m", 0.9)
    assert (verdict.label, verdict.level, verdict.model_hash, verdict.rung) == (
        "alarm", 1.0, "ab", "model:m",
    )  # fmt: skip


def test_an_abstaining_model_leaves_the_answer_to_the_rule_and_is_named():
    window = Window(2_000, array("d"), (), 0.0, "gap heat")
    verdict = turn(ModelRung("m"), HOT, window=window, heat=95.0).step()
    assert isinstance(verdict, Verdict)
    assert (verdict.label, verdict.rung) == ("alarm", "rule:2")
    assert verdict.abstained == {"model:m": "gap heat"}


def test_a_failed_worker_leaves_the_answer_to_the_rule():
    subject = turn(ModelRung("m"), HOT, heat=20.0)
    subject.step()
    verdict = subject.failed("m", "the worker died")
    assert (verdict.label, verdict.abstained) == ("normal", {"model:m": "the worker died"})


def test_a_model_that_is_not_loaded_abstains():
    verdict = turn(ModelRung("m"), HOT, heat=20.0, models=False).step()
    assert verdict.abstained == {"model:m": "not loaded"}


def test_a_model_that_is_being_calibrated_abstains():
    verdict = turn(ModelRung("m"), HOT, heat=20.0, calibration=Calibration(10, 1)).step()
    assert verdict.abstained == {"model:m": "calibrating"}


def test_the_first_true_rule_gives_the_label():
    assert turn(HOT, WARM, heat=95.0).step().label == "alarm"
    assert turn(HOT, WARM, heat=60.0).step().label == "warning"
    assert turn(HOT, WARM, heat=20.0).step().label == "normal"


def test_nothing_known_is_no_answer():
    verdict = turn(HOT, WARM).step()
    assert (verdict.label, verdict.rung) == (UNKNOWN, "none")
    assert verdict.abstained == {"rule:1": "unknown", "rule:2": "unknown"}


def test_a_stale_value_is_not_known():
    assert turn(HOT, heat=95.0, now=1_001).step().label == UNKNOWN


def test_a_guard_wins_over_a_model_that_says_normal():
    subject = turn(ModelRung("m"), GUARD, heat=95.0)
    subject.step()
    verdict = subject.answered("m", 0.1)
    assert (verdict.label, verdict.rung) == ("alarm", "rule:2")


def test_no_milder_rule_below_hides_a_guard_when_the_model_abstains():
    window = Window(2_000, array("d"), (), 0.0, "gap heat")
    verdict = turn(ModelRung("m"), GUARD, WARM, window=window, heat=95.0).step()
    assert (verdict.label, verdict.rung) == ("alarm", "rule:2")
    verdict = turn(ModelRung("m"), GUARD, WARM, window=window, heat=60.0).step()
    assert (verdict.label, verdict.rung) == ("warning", "rule:3")


def test_a_guard_that_does_not_fire_is_no_answer():
    window = Window(2_000, array("d"), (), 0.0, "gap heat")
    verdict = turn(ModelRung("m"), GUARD, window=window, heat=20.0).step()
    assert (verdict.label, verdict.rung) == (UNKNOWN, "none")


def test_a_guard_is_silent_while_it_does_not_fire():
    subject = turn(ModelRung("m"), GUARD, heat=20.0)
    subject.step()
    assert subject.answered("m", 0.1).rung == "model:m"


def test_scores_that_its_own_level_is_learnt_from_are_no_answer():
    learnt = Calibration(2, 1, level=ScoreLevel(1.0, 2.0, 2, 1.0))
    for row in ((1.0,), (2.0,)):
        learnt.add(row)
    said = []
    for score in (3.0, 5.0, 9.0, 11.0):
        subject = turn(ModelRung("m"), HOT, heat=20.0, calibration=learnt)
        subject.step()
        said.append(subject.heard({"m": score}))
    assert [(one.label, one.rung) for one in said[:2]] == [("normal", "rule:2")] * 2
    assert said[0].abstained == {"model:m": "calibrating its level"}
    assert [(one.label, one.score) for one in said[2:]] == [("normal", 0.9), ("alarm", 1.1)]
