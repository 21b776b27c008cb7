"""The board: newest documents, the worst asset first, and nothing queued for anybody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.glances import RANKS, status
from gateway.web.board import ASSETS, FIRST, Board

ABOUT: dict[str, Any] = {"pump": {"name": "Pump"}, "fan": {"name": "Fan"}}


def glances(board: Board) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(board.frame(ASSETS, FIRST - 1))
    return told


@pytest.mark.parametrize(
    ("state", "heard", "word"),
    [
        ({"label": "alarm", "alert": True}, True, "alert"),
        ({"label": "alarm", "alert": True}, False, "alert"),
        ({"label": "alarm", "alert": True, "acknowledged": {"author": "a"}}, True, "seen"),
        ({"label": "worn", "alert": False}, True, "watch"),
        ({"label": "normal", "alert": False}, False, "silent"),
        ({"label": "unknown"}, True, "unknown"),
        ({}, True, "unknown"),
        ({"label": "idle"}, True, "normal"),
    ],
)
def test_an_asset_is_one_word(state: dict[str, Any], word: str, *, heard: bool) -> None:
    assert status(state, heard=heard) == word
    assert word in RANKS


def test_assets_that_were_never_heard_are_shown_too() -> None:
    assert {one["name"] for one in glances(Board(ABOUT)).values()} == {"Pump", "Fan"}


def test_topics_of_assets_that_the_file_does_not_have_are_not_shown() -> None:
    board = Board(ABOUT)
    board.take("asset/strange/state", json.dumps({"label": "normal"}))
    assert not board.knows("asset/strange")
    assert set(glances(board)) == {"asset/pump", "asset/fan"}


def test_a_document_that_says_the_same_again_is_no_news() -> None:
    board = Board(ABOUT)
    board.take("health", '{"state":"running"}')
    seq = board.seq
    board.take("health", '{"state":"running"}')
    assert board.frame("gateway", seq) == ""


def test_what_drifted_and_what_models_are_is_where_one_looks_for_it() -> None:
    board = Board(ABOUT)
    drift = {"state": "raised", "asset": "pump", "causes": []}
    board.take("asset/pump/maintenance", json.dumps(drift))
    life = {"version": "1.0.0", "task": "rul", "unit": "h"}
    assets = [{"asset": "pump", "models": ["life", "gone"]}, {"asset": "strange", "models": []}]
    board.take("info", json.dumps({"models": {"life": life}, "assets": assets}))
    slot = {"holder": "b", "role": "standby", "epoch": 3, "line": ["a", "b"], "assets": ["pump"]}
    board.take("health", json.dumps({"fleet": {"slots": {"a": slot}}}))
    shown = json.loads(board.frame("asset/pump", FIRST - 1))
    assert shown["models"] == {"life": life}
    assert shown["fleet"] == {"holder": "b", "role": "standby"}
    assert json.loads(board.frame("gateway", FIRST - 1))["asset/pump/maintenance"] == drift
    assert json.loads(board.frame("asset/fan", FIRST - 1) or "{}") == {}


TOPICS = ("asset/pump/state", "asset/fan/state", "asset/pump/alert", "health", "state")
_steps = st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 5), st.booleans()), max_size=40)


@given(_steps)
def test_whoever_looks_now_and_then_has_the_newest_of_everything(
    steps: list[tuple[str, int, bool]],
) -> None:
    board, seen = Board(ABOUT), dict[str, dict[str, Any]]()
    since = FIRST - 1
    views = (ASSETS, "gateway", "asset/pump")
    for topic, number, looks in [*steps, ("health", 9, True)]:
        board.take(topic, json.dumps({"label": "normal", "score": number}))
        if looks:
            for view in views:
                known = seen.setdefault(view, {})
                known.update(json.loads(board.frame(view, since) or "{}"))
            since = board.seq
    for view in views:
        assert seen[view] == json.loads(board.frame(view, FIRST - 1) or "{}")
