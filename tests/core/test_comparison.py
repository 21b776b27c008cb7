"""Then beside now: what is paired, what differs, what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.comparison import AT_MS, NEAR_MS, Made, Pair, compare, summary

EVENTS = ("raised", "cleared", "fail_safe")


def one(at_ms: int, event: str = "raised", policy: str = "p/0", **more: object) -> Made:
    values: dict[str, object] = {
        "id": f"{at_ms}",
        "asset": "pump",
        "at_ms": at_ms,
        "policy": policy,
        "event": event,
        "mode": "act",
        "action": "stop",
        "refused": "",
        "label": "alarm",
        "rung": "rule:1",
        **more,
    }
    return Made(**values)  # type: ignore[arg-type]


def marks(pairs: list[Pair]) -> list[tuple[int | None, int | None, tuple[str, ...]]]:
    return [
        (pair.then and pair.then.at_ms, pair.now and pair.now.at_ms, pair.differs) for pair in pairs
    ]


def test_the_same_decisions_agree() -> None:
    both = [one(0), one(5_000, "cleared")]
    assert marks(compare(both, both)) == [(0, 0, ()), (5_000, 5_000, ())]


def test_a_timer_that_was_a_little_late_is_the_same_time() -> None:
    assert marks(compare([one(0)], [one(AT_MS)])) == [(0, AT_MS, ())]
    assert marks(compare([one(0)], [one(AT_MS + 1)])) == [(0, AT_MS + 1, ("at",))]


def test_what_is_far_apart_are_two_decisions() -> None:
    late = NEAR_MS + 1
    assert marks(compare([one(0)], [one(late)])) == [(0, None, ()), (None, late, ())]


def test_the_nearest_in_time_is_paired_before_what_is_far() -> None:
    then, now = [one(0), one(60_000)], [one(60_000)]
    assert marks(compare(then, now)) == [(0, None, ()), (60_000, 60_000, ())]


def test_a_rule_that_moved_in_the_file_is_the_same_alert_by_another_policy() -> None:
    assert marks(compare([one(0)], [one(0, policy="p/1")])) == [(0, 0, ("policy",))]


@pytest.mark.parametrize(
    ("name", "value"), [("mode", "shadow"), ("refused", "hold"), ("rung", "rule:2"), ("score", 1.0)]
)
def test_what_differs_is_named(name: str, value: object) -> None:
    assert marks(compare([one(0)], [one(0, **{name: value})])) == [(0, 0, (name,))]


def test_the_last_digits_of_a_score_are_no_difference() -> None:
    assert marks(compare([one(0, score=0.7)], [one(0, score=0.7 + 1e-9)])) == [(0, 0, ())]


def test_alarm_time_counts_what_stood_before_and_what_still_stands() -> None:
    then = [one(0), one(40_000, "cleared"), one(70_000)]
    found = summary([], then, [], (10_000, 100_000)).then
    assert found.alarm_ms == 30_000 + 30_000
    assert (found.raised, found.cleared, found.actions) == (1, 1, 2)


decisions = st.lists(
    st.builds(
        one,
        st.integers(0, 3 * NEAR_MS),
        st.sampled_from(EVENTS),
        st.sampled_from(("p/0", "p/1")),
    ),
    max_size=12,
).map(lambda made: sorted(made, key=lambda each: each.at_ms))


@given(decisions, decisions)
def test_every_decision_is_told_once_and_in_the_order_of_time(
    then: list[Made], now: list[Made]
) -> None:
    pairs = compare(then, now)
    assert sorted(pair.then for pair in pairs if pair.then) == sorted(then)
    assert sorted(pair.now for pair in pairs if pair.now) == sorted(now)
    assert [pair.at_ms for pair in pairs] == sorted(pair.at_ms for pair in pairs)
    for pair in pairs:
        if pair.then and pair.now:
            assert pair.then.event == pair.now.event
            assert abs(pair.then.at_ms - pair.now.at_ms) <= NEAR_MS


@given(decisions)
def test_a_side_agrees_with_itself(made: list[Made]) -> None:
    assert all(pair.then and pair.now and not pair.differs for pair in compare(made, made))


def test_another_value_for_the_same_action_is_a_difference() -> None:
    (pair,) = compare([one(0, value=40.0)], [one(0, value=60.0)])
    assert pair.differs == ("value",)
