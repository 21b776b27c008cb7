"""Why a decision was made, in words: pure, so every word can be checked."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import explanations
from gateway.core.explanations import Cause, number, shares
from gateway.core.rules import parse
from gateway.core.verdicts import Decision, Mode, Verdict

VERDICT = Verdict("pump", 1_000, 1_000, "model:m", "alarm", score=2.3149, level=1.0)


class See:
    """A view of fixed values."""

    def __init__(self, **values):
        self.values = values

    def value(self, metric):
        return self.values.get(metric)

    def history(self, metric, span_ms):
        return [(0, 10.0), (span_ms, 20.0)]

    def age_ms(self, metric):
        return 2_500


def cause(share=0.61, **changes):
    whole = {"channel": "flow", "unit": "l/min", "value": 12.0, "baseline": 30.5, "usual": None}
    return Cause(**{**whole, **changes}, share=share)


def test_a_cause_is_said_as_an_operator_would_say_it():
    assert cause(usual=(28.04, 32.96)).words == "flow 12 l/min, usually 28 to 33: 61 %"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "flow 12 l/min, usually about 30.5: 61 %"),
        ({"usual": (30.0, 30.001)}, "flow 12 l/min, usually 30: 61 %"),
        ({"unit": ""}, "flow 12, usually about 30.5: 61 %"),
        ({"value": -0.25, "usual": (-1.0, 0.0)}, "flow -0.25 l/min, usually -1 to 0: 61 %"),
    ],
)
def test_what_is_not_known_is_not_said(changes, words):
    assert cause(**changes).words == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.0, "0"), (12.0, "12"), (1234.56, "1235"), (0.03128, "0.0313"), (99.96, "100")],
        *[(-0.0, "0"), (230.0, "230"), (1e-9, "1.00e-09"), (1e20, "1.00e+20"), (1e6, "1000000")],
        *[(math.nan, "nan"), (math.inf, "inf"), (-5.5, "-5.5"), (0.1 + 0.2, "0.3")],
    ],
)
def test_numbers_have_three_digits_and_no_exponent_where_that_can_be_helped(value, text):
    assert number(value) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_number_in_words_is_near_the_number(value):
    assert math.isclose(float(number(value)), value, rel_tol=6e-3)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
)
def test_shares_are_parts_of_one_whole_and_what_pulls_back_has_none(weights):
    found = shares(weights)
    assert len(found) == len(weights)
    assert all(0 <= share <= 1 for share in found)
    assert all(share == 0 for share, weight in zip(found, weights, strict=True) if weight <= 0)
    if max(weights, default=0) > 0:
        assert math.isclose(sum(found), 1)
        assert math.isclose(weights[found.index(max(found))], max(weights))


def test_the_largest_shares_come_first_and_dust_is_left_out():
    causes = [cause(0.004, channel="a"), cause(0.3, channel="b"), cause(0.6, channel="c")]
    made = explanations.of_model(VERDICT, "occlusion", causes, 3, 30_000)
    assert [one.channel for one in made.causes] == ["c", "b"]
    assert made.words[0].startswith("c 12 l/min")
    assert explanations.of_model(VERDICT, "occlusion", causes, 1, 0).words == made.words[:1]


def test_where_no_channel_lowers_the_score_the_score_is_all_there_is():
    made = explanations.of_model(VERDICT, "occlusion", [cause(0.0)], 3, 30_000)
    assert (made.method, made.words) == ("none", ("score 2.31, level 1: alarm",))
    assert made.note == "no channel alone lowers the score"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("temperature > 90", "temperature > 90 is true: temperature 95.5 degC"),
        (
            "mean(power, 5m) > 3 and not maintenance",
            (
                "mean(power, 5m) > 3 and not maintenance is true:"
                " mean(power, 5m) 15, maintenance unknown"
            ),
        ),
        ("age(power) > 2", "age(power) > 2 is true: age(power) 2.5"),
        ("state == 'on'", "state == 'on' is true: state on"),
        ("running", "running is true: running true"),
        ("1 > 0", "1 > 0 is true"),
    ],
)
def test_a_rule_explains_itself_with_the_values_it_saw(rule, words):
    view = See(temperature=95.5, state="on", running=True)
    made = explanations.of_rule(parse(rule), view, {"temperature": "degC"}, fired=True)
    assert (made.method, made.words) == ("rule", (words,))


def test_a_rule_that_clears_says_that_it_is_no_longer_true():
    made = explanations.of_rule(parse("flow < 10"), See(flow=12.0), {"flow": "l/min"}, fired=False)
    assert made.words == ("flow < 10 is not true: flow 12 l/min",)
    assert made.terms == {"flow": 12.0}


def test_a_fail_safe_says_why_nobody_answered():
    silent = Verdict("pump", 0, 0, "fail_safe", "unknown", abstained={"model:m": "gap flow"})
    assert explanations.of_score(silent).words == ("model:m: gap flow",)
    nothing = Verdict("pump", 0, 0, "fail_safe", "unknown")
    assert explanations.of_score(nothing).words == ("nothing was heard of it",)


def test_the_document_holds_everything_and_refers_to_its_decision():
    made = explanations.of_model(VERDICT, "occlusion", [cause(usual=(28.0, 33.0))], 3, 30_000)
    decision = Decision("D1", "pump", "pump/policy/0", "raised", Mode.ACT, "stop", VERDICT)
    assert explanations.document(decision, made) == {
        "decision": "D1",
        "asset": "pump",
        "event": "raised",
        "label": "alarm",
        "rung": "model:m",
        "score": 2.3149,
        "level": 1.0,
        "method": "occlusion",
        "words": ["flow 12 l/min, usually 28 to 33: 61 %"],
        "channels": [
            {
                "channel": "flow",
                "value": 12.0,
                "unit": "l/min",
                "baseline": 30.5,
                "usual": [28.0, 33.0],
                "share": 0.61,
            }
        ],
        "members": [],
        "terms": {},
        "span_s": 30.0,
        "note": None,
    }


def test_a_value_that_differs_does_not_look_like_what_is_usual():
    cause = Cause("sensor_8", "", 2388.31, 2388.06, (2387.98, 2388.16), 0.2)
    assert cause.words == "sensor_8 2388.3, usually 2388 to 2388.2: 20 %"
