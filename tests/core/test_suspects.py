"""Suspects: alone after all others, let rest when they did it, forgiven when they did no more."""

import pytest

from gateway.core.suspects import CLEARED, LONGEST_MS, REST_MS, STRIKES, Suspects

MINUTE_MS = 60_000


def test_nobody_is_suspected_and_all_are_asked_together() -> None:
    assert Suspects().calls(["a", "b", "a"], 0) == [[0, 1, 2]]
    assert Suspects().calls([], 0) == []


def test_after_a_shared_call_each_is_asked_alone_behind_those_who_were_not_there() -> None:
    suspects = Suspects()
    assert suspects.lost(["a", "b"], "died: SIGSEGV", 0) == ""
    assert suspects.calls(["a", "b", "c", "a"], 0) == [[2], [0, 3], [1]]


def test_the_one_that_did_it_alone_is_asked_last() -> None:
    suspects = Suspects()
    suspects.lost(["a", "b"], "hung", 0)
    assert suspects.lost(["a"], "hung", 0) == "a"
    assert suspects.calls(["a", "b"], 0) == [[1], [0]]


def test_one_that_did_it_three_times_rests_and_each_time_longer() -> None:
    suspects = Suspects()
    for strike in range(STRIKES):
        assert suspects.resting("a", 0) == ""
        suspects.lost(["a"], f"hung {strike}", 0)
    assert suspects.resting("a", 0) == (
        "killed the worker 3 times when it was asked: hung 2; asked again in 10 min"
    )
    assert suspects.calls(["a", "b"], 0) == [[1]]
    assert suspects.calls(["a"], REST_MS) == [[0]]
    suspects.lost(["a"], "hung", REST_MS)
    assert "in 20 min" in suspects.resting("a", REST_MS)
    for _ in range(30):
        suspects.lost(["a"], "hung", 0)
    assert f"in {LONGEST_MS // MINUTE_MS} min" in suspects.resting("a", 0)


@pytest.mark.parametrize("strikes", [0, 2])
def test_enough_answers_make_up_for_everything(strikes: int) -> None:
    suspects = Suspects()
    suspects.lost(["a", "b"], "hung", 0)
    for _ in range(strikes):
        suspects.lost(["a"], "hung", 0)
    for _ in range(CLEARED):
        assert suspects.calls(["a", "b"], 0)[-1] == [0 if strikes else 1]
        suspects.answered(["a"])
        suspects.answered(["b"])
    assert suspects.calls(["a", "b"], 0) == [[0, 1]]


def test_one_that_is_not_wanted_any_more_is_forgotten() -> None:
    suspects = Suspects()
    for _ in range(STRIKES):
        suspects.lost(["a"], "hung", 0)
    suspects.keep(["b"])
    assert suspects.resting("a", 0) == ""
