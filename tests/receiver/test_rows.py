"""Which rows a receiver takes."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.receiver.rows import fault, value_of

READING = {
    "seq": 7,
    "kind": "reading",
    "asset": "pump-7",
    "source": "zigbee",
    "device": "plug",
    "metric": "power",
    "unit": "W",
    "value": 231.5,
    "reason": "ok",
    "at_ms": 1_766_000_000_000,
    "received_at_ms": 1_766_000_000_003,
    "clock": 1,
}
MINUTE = {
    "seq": 7,
    "kind": "reading_1m",
    "asset": "pump-7",
    "metric": "power",
    "at_ms": 1_766_000_000_000,
    "n": 60,
    "low": 1,
    "mean": 2.5,
    "high": 3.0,
    "last": None,
}


def told(row: Any, seq: int = 7) -> str:
    return fault(row, seq, json.dumps(row))


@pytest.mark.parametrize("row", [READING, MINUTE])
def test_a_row_as_the_gateway_makes_it_is_taken(row: dict[str, Any]) -> None:
    assert told(row) == ""


@pytest.mark.parametrize("value", [0, -1.5, True, None, "warm", 2**63 - 1])
def test_a_reading_may_be_a_number_a_word_or_nothing(value: object) -> None:
    assert told({**READING, "value": value}) == ""


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kind": "Reading"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"kind": 7}, "kind"),
        ({"kind": "x" * 65}, "kind"),
        ({"seq": 8}, "seq"),
        ({"seq": True}, "seq"),
        ({"seq": "7"}, "seq"),
        ({"at_ms": None}, "at_ms"),
        ({"at_ms": 1.5}, "at_ms"),
        ({"at_ms": -1}, "at_ms"),
        ({"at_ms": 10**18}, "at_ms"),
        ({"at_ms": True}, "at_ms"),
        ({"asset": 7}, "asset"),
        ({"asset": "x" * 513}, "asset"),
        ({"metric": ""}, "metric"),
        ({"metric": ["power"]}, "metric"),
        ({"value": []}, "value"),
        ({"value": {}}, "value"),
        ({"value": float("inf")}, "value"),
        ({"value": 2**63}, "value"),
        ({"received_at_ms": "now"}, "received_at_ms"),
        ({"clock": 3}, "clock"),
        ({"clock": "1"}, "clock"),
        ({"unit": "a\0b"}, "text"),
        ({"more": ["\ud800"]}, "text"),
    ],
)
def test_one_that_is_not_says_why(changes: dict[str, Any], word: str) -> None:
    assert told({**READING, **changes}).startswith(f"{word}:")


@pytest.mark.parametrize("missing", ["kind", "seq", "at_ms", "metric", "value"])
def test_what_is_missing_is_named(missing: str) -> None:
    row = {name: value for name, value in READING.items() if name != missing}
    assert told(row).startswith(f"{missing}:")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"n": 0}, "n"),
        ({"n": 1.0}, "n"),
        ({"n": 2**63}, "n"),
        ({"mean": None}, "mean"),
        ({"low": "1"}, "low"),
        ({"last": "1"}, "last"),
        ({"metric": None}, "metric"),
    ],
)
def test_a_bucket_has_numbers(changes: dict[str, Any], word: str) -> None:
    assert told({**MINUTE, **changes}).startswith(f"{word}:")


@pytest.mark.parametrize("row", [None, 7, "x", [], [1]])
def test_a_row_is_an_object(row: object) -> None:
    assert told(row).startswith("shape:")


def test_kinds_of_tomorrow_are_taken_with_whatever_is_in_them() -> None:
    row = {"seq": 7, "kind": "tomorrow", "at_ms": 1, "value": 10**400, "what": {"a": [None]}}
    assert told(row) == ""
    assert value_of(row) is None


def test_the_number_of_a_row_is_found() -> None:
    assert value_of(READING) == 231.5
    assert value_of(MINUTE) == 2.5
    assert value_of({**READING, "value": True}) == 1.0
    assert value_of({**READING, "value": "warm"}) is None
    assert value_of({"kind": "alert", "value": 3}) is None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])  # rows are slow to make
@given(row=st.dictionaries(st.sampled_from(list(READING | MINUTE)), TREES) | TREES)
def test_whatever_a_row_holds_it_is_judged_and_never_raises(row: Any) -> None:
    line = json.dumps(row)
    why = fault(row, 7, line)
    if not why:
        value_of(row)
        assert type(row["at_ms"]) is int
