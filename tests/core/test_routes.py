import pytest

from gateway.core.messages import Message
from gateway.core.routes import NOWHERE, TOPICS, Routes, command
from gateway.errors import ConfigError


def said(*, retain, payload=b"x"):
    return Message("b", "t", payload, 0, retain, dup=False, received_at_ms=0, received_mono_ms=0)


def test_the_first_pattern_that_takes_a_topic_wins():
    routes = Routes([("command", "b/{device+}/set"), ("state", "b/{device+}")])
    assert routes["b/a/b/set"] == ("command", {"device": "a/b"})
    assert routes["b/a/b"] == ("state", {"device": "a/b"})
    assert routes["other"] is NOWHERE


def test_a_flood_of_topics_is_forgotten():
    routes = Routes([("state", "b/{device}")])
    for number in range(TOPICS + 5):
        assert routes[f"b/{number}"].names == {"device": str(number)}
    assert len(routes) == 5


def test_a_pattern_that_is_none_is_the_users_mistake():
    with pytest.raises(ConfigError, match="column"):
        Routes([("state", "b/{")])


def test_a_retained_command_is_shown_and_a_cleared_one_is_not():
    assert command(said(retain=False), {}) == ()
    assert command(said(retain=True, payload=b""), {}) == ()
    assert command(said(retain=True), {"device": "a"})[0].device == "a"
