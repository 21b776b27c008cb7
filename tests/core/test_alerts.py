"""Alerts: grouped, limited, tried again, and every notice ends as told or as counted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import alerts
from gateway.core.alerts import BACKOFF_MS, MOST, SHOWN, Kind, Notice, Pending, Route
from gateway.core.commands import Command, State
from gateway.core.verdicts import Decision, Mode, Verdict

ROUTE = Route("alerts/0", "people.txt", frozenset({Kind.RAISED, Kind.OFFLINE}))
VERDICT = Verdict("pump", 0, 0, "model:heat", "alarm", score=2.0, level=0.8)
DECISION = Decision("d", "pump", "pump/policy/0", "raised", Mode.ACT, "stop", VERDICT)


def notice(number: int = 0, kind: Kind = Kind.RAISED, asset: str = "pump") -> Notice:
    return Notice(kind, f"notice {number}", 0, asset)


def test_what_comes_together_is_one_letter_and_the_next_one_waits() -> None:
    pending = Pending(ROUTE)
    for at in range(10):
        pending.add(notice(at), at * 500)
    assert pending.letter(9_999, "here") is None
    letter = pending.letter(10_000, "here")
    assert letter is not None
    assert (letter.title, letter.holds) == ("here: 10 raised", 10)
    assert pending.letter(99_000, "here") is None  # until its fate is told
    assert pending.delivered(11_000) == 10
    pending.add(notice(11), 12_000)
    assert pending.letter(70_999, "here") is None
    assert pending.letter(71_000, "here") is not None


def test_a_failure_is_tried_again_with_what_came_since_and_given_up_in_the_end() -> None:
    pending, now_ms = Pending(ROUTE), 0
    pending.add(notice(0), now_ms)
    now_ms += ROUTE.group_ms
    for tries, wait_ms in enumerate(BACKOFF_MS):
        letter = pending.letter(now_ms, "here")
        assert letter is not None
        assert letter.holds == tries + 1
        assert pending.failed(now_ms) == 0
        pending.add(notice(tries + 1), now_ms)
        assert pending.letter(now_ms + wait_ms - 1, "here") is None
        now_ms += wait_ms
    assert pending.letter(now_ms, "here") is not None
    assert pending.failed(now_ms) == len(BACKOFF_MS) + 1
    pending.add(notice(99), now_ms)
    last = pending.letter(now_ms + ROUTE.every_ms + ROUTE.group_ms, "here")
    assert last is not None
    assert "6 earlier ones could not be told" in last.body


@given(st.lists(st.sampled_from(["add", "look", "arrive", "fail"]), max_size=400))
def test_every_notice_waits_is_told_or_is_counted(steps: list[str]) -> None:
    pending, now_ms = Pending(ROUTE), 0
    added = told = lost = 0
    for step in steps:
        now_ms += 7_000
        if step == "add":
            for _ in range(50):
                added += 1
                lost += pending.add(notice(), now_ms)
        elif step == "look":
            pending.letter(now_ms, "here")
        elif pending.sending:
            if step == "arrive":
                told += pending.delivered(now_ms)
            else:
                lost += pending.failed(now_ms)
        assert len(pending.notices) <= MOST + 1
        assert len(pending.notices) + told + lost == added
        # what waits is going to be looked at
        assert pending.sending or pending.due_mono_ms is not None or not pending.notices


def test_what_waits_survives_as_text_and_damage_is_nothing() -> None:
    pending, other = Pending(ROUTE), Pending(ROUTE)
    pending.add(notice(1), 0)
    other.restore(pending.to_json(), 5)
    assert other.notices == pending.notices
    assert other.due_mono_ms == 5 + ROUTE.group_ms
    for text in ("", "{}", '{"lost": 1, "notices": [["strange", "", 0, ""]]}'):
        Pending(ROUTE).restore(text, 0)


def test_a_long_letter_says_how_much_is_missing() -> None:
    letter = alerts.compose([notice(at) for at in range(SHOWN + 5)], 3, "here")
    assert "... and 5 more" in letter.body
    assert "3 earlier ones could not be told" in letter.body
    assert alerts.compose([notice(7)], 0, "here").title == "here: notice 7"


def test_a_route_tells_of_its_kinds_and_assets_and_of_the_gateway() -> None:
    narrow = replace(ROUTE, assets=frozenset({"fan"}))
    assert alerts.wanted(ROUTE, notice())
    assert not alerts.wanted(ROUTE, notice(kind=Kind.CLEARED))
    assert not alerts.wanted(narrow, notice())
    assert alerts.wanted(narrow, notice(asset="", kind=Kind.OFFLINE))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "Pump: raised alarm (model:heat, score 2, level 0.8: alarm) -> stop"),
        ({"refused": "hold"}, "-> stop, refused: hold"),
        ({"mode": Mode.ADVISE}, "; advice: stop"),
        ({"event": "cleared", "action": ""}, "Pump: clear"),
        ({"mode": Mode.SHADOW}, None),
        ({"event": "repeated"}, None),
    ],
)
def test_a_decision_in_words(change: dict[str, object], text: str | None) -> None:
    made = alerts.of_decision(replace(DECISION, **change), "Pump")  # type: ignore[arg-type]
    assert (made is None) == (text is None)
    assert made is None or str(text) in made.text


@pytest.mark.parametrize("state", State)
def test_of_a_command_only_a_bad_end_is_told(state: State) -> None:
    order = Command("c", "d", "pump", "stop", "zigbee", "plug", {}, 1, 2, 1, 2, 3, "boot")
    told = alerts.of_command(replace(order, state=state, reason="no proof"), "Pump", 5)
    assert (told is not None) == (state in ("failed", "timeout", "expired", "refused"))
    assert told is None or told.text == f"Pump: command stop to plug: {state} (no proof)"
