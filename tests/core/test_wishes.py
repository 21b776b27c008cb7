"""What people may ask for, and how they are told that they may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import wishes
from gateway.core.answered import KEEP_MS, MOST, TWICE_MS, Answered
from gateway.core.interventions import GATEWAY, TERMS, Kind
from gateway.core.requests import Request, RequestError
from gateway.core.wishes import Times, Wish

NOW = 1_800_000_000_000
HOUR = 3_600_000


def read(name: str, fields: object, asset: str = "pump", *, clock_ok: bool = True) -> Wish:
    assert isinstance(fields, dict)
    return wishes.read(Request(name, fields, asset=asset), asset, Times(TERMS, NOW, clock_ok))


def test_a_hold_has_an_author_a_reason_and_a_time() -> None:
    fields = {"hold": True, "author": "anna", "reason": "new seal", "for": "2h"}
    assert read("override", fields) == Wish(Kind.HOLD, "pump", True, "anna", "new seal", 2 * HOUR)
    assert read("override", {"hold": True}).for_ms == HOUR
    assert read("override", {"hold": True}).author == "unknown"
    assert read("override", {"hold": False, "for": "900d"}).for_ms is None


def test_until_needs_a_clock_and_lies_ahead() -> None:
    until = {"hold": True, "until": "2027-01-15T09:00:00Z"}
    assert read("override", until).for_ms == HOUR
    with pytest.raises(RequestError, match="not set"):
        read("override", until, clock_ok=False)
    with pytest.raises(RequestError, match="is over"):
        read("override", {"hold": True, "until": "2026-01-01T00:00:00Z"})


def test_a_forced_action_may_have_a_value() -> None:
    wish = read("override", {"force": "speed", "value": 40})
    assert (wish.kind, wish.value, wish.number, wish.for_ms) == (Kind.FORCE, "speed", 40.0, None)


def test_the_other_wishes() -> None:
    assert read("mode", {"mode": "shadow", "policy": "pump/policy/0"}).policy == "pump/policy/0"
    assert not read("mode", {"mode": "file"}).on
    assert read("acknowledge", {}).value == ""
    assert read("maintenance", {"on": True, "flag": "cleaning"}).value == "cleaning"
    assert read("maintenance", {"on": True}).value == "maintenance"
    stop = read("stop", {"on": True}, GATEWAY)
    assert (stop.kind, stop.for_ms) == (Kind.STOP, None)


@pytest.mark.parametrize(
    ("name", "fields", "why"),
    [
        ("override", {}, "either"),
        ("override", {"hold": True, "force": "stop"}, "either"),
        ("override", {"hold": "yes"}, "true or false"),
        ("override", {"hodl": True}, "unknown key 'hodl'"),
        ("override", {"hold": True, "value": 3}, "goes with"),
        ("override", {"force": ""}, "name an action"),
        ("override", {"force": 7}, "should be a text"),
        ("override", {"force": "stop", "value": True}, "should be a number"),
        ("override", {"force": "stop", "for": "2h"}, "has no time"),
        ("override", {"hold": True, "for": "2 fortnights"}, "not a duration"),
        ("override", {"hold": True, "for": "25h"}, r"at most 1d \(people.hold.most\)"),
        ("override", {"hold": True, "for": "1h", "until": "x"}, "either for or until"),
        ("override", {"hold": True, "until": "tomorrow"}, "should be a time"),
        ("override", {"hold": True, "author": "a\nb"}, "one line"),
        ("override", {"hold": True, "reason": "x" * 201}, "one line"),
        ("override", {"hold": True, "author": 7}, "should be a text"),
        ("mode", {"mode": "off"}, "should be one of shadow, advise, act, file"),
        ("mode", {}, "should be one of"),
        ("maintenance", {}, "true or false"),
        ("stop", {"on": True, "for": "1h"}, "does not end by itself"),
    ],
)
def test_what_makes_no_sense_is_refused_in_clear_words(
    name: str, fields: dict[str, object], why: str
) -> None:
    with pytest.raises(RequestError, match=why):
        read(name, fields, GATEWAY if name == "stop" else "pump")


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["hold", "force", "value", "mode", "policy", "alert", "on", "flag"]
KEYS += ["author", "reason", "for", "until"]


@given(st.sampled_from(sorted(wishes.NAMES)), st.dictionaries(st.sampled_from(KEYS), json))
def test_whatever_is_said_is_understood_or_refused(name: str, fields: dict[str, object]) -> None:
    try:
        wish = read(name, fields)
    except RequestError:
        return
    most = TERMS.get(wish.kind)
    assert wish.for_ms is None or (most is not None and 0 < wish.for_ms <= most.most_ms)


# -- nothing is done twice -----------------------------------------------------------------------


def asked(transaction: object = "t", *, dup: bool = False, **fields: object) -> Request:
    return Request("override", fields, transaction, asset="pump", dup=dup)


def test_a_transaction_is_answered_again_and_means_one_thing() -> None:
    known = Answered()
    assert known.find(asked(hold=True), 0) is None
    known.note(asked(hold=True), {"id": 1}, "", 0)
    again = known.find(asked(hold=True), 0)
    assert again is not None
    assert again.data == {"id": 1}
    with pytest.raises(RequestError, match="something else"):
        known.find(asked(hold=False), 0)
    assert known.find(asked("other", hold=True), 0) is None


def test_without_a_transaction_only_what_the_broker_sent_again_is_known() -> None:
    known = Answered()
    known.note(asked(None, force="stop"), {"id": 1}, "", 0)
    assert known.find(asked(None, force="stop"), TWICE_MS) is None
    assert known.find(asked(None, dup=True, force="stop"), 0) is not None
    assert known.find(asked(None, dup=True, force="start"), 0) is None


def test_what_was_answered_is_forgotten_in_time_and_survives_a_restart() -> None:
    known = Answered()
    name = known.note(asked(hold=True), {"id": 1}, "no", 0)
    again = Answered()
    again.restore(name, known.text(name), 500)
    found = again.find(asked(hold=True), 0)
    assert found is not None
    assert (found.data, found.error) == ({"id": 1}, "no")
    assert again.forget(KEEP_MS) == []
    assert again.forget(KEEP_MS + 500) == [name]
    for i in range(MOST + 5):
        known.note(asked(f"t{i}", hold=True), {}, "", 1)
    assert len(known.forget(1)) == 6


def test_the_same_words_one_right_after_the_other_are_one_wish() -> None:
    known = Answered()
    known.note(asked(None, force="stop"), {"id": 1}, "", 0)
    again = known.find(asked(None, force="stop"), TWICE_MS - 1)
    assert again is not None
    assert again.data == {"id": 1}
    known.note(asked(None, hold=True), {"id": 2}, "", 1)
    assert known.find(asked(None, force="stop"), 2) is None
