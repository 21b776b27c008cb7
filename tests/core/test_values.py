import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.documents import INVALID
from gateway.core.messages import Reason
from gateway.core.paths import Path
from gateway.core.readings import Metric, MetricKind
from gateway.core.values import coerce

GAUGE, STATE, TEXT, EVENT = (
    MetricKind.GAUGE,
    MetricKind.STATE,
    MetricKind.TEXT,
    MetricKind.EVENT,
)


ARABIC = "\u0662\u0661.\u0665"
NULLS = [None, "", " ", "-", "NaN", "nan", "null", "Unavailable", "unknown"]


def metric(**fields):
    return Metric("m", "s", "d", Path.parse("m"), **fields)


def outcome(raw, **fields):
    reading = coerce(metric(**fields), raw)
    return None if reading is None else (reading.value, reading.reason)


@pytest.mark.parametrize(
    "raw", [None, "", " ", "-", "NaN", "nan", "null", "Unavailable", "unknown"]
)
def test_a_null_word_is_no_reading(raw):
    assert outcome(raw) is None
    assert outcome(raw, kind=STATE) is None


@pytest.mark.parametrize(
    ("raw", "fields", "expected"),
    [
        (58.1, {}, (58.1, Reason.OK)),
        (58, {}, (58.0, Reason.OK)),
        (0, {"scale": 0.1, "offset": -5.0}, (-5.0, Reason.OK)),
        (101, {"low": 0.0, "high": 100.0}, (101.0, Reason.RANGE)),
        (-1, {"low": 0.0}, (-1.0, Reason.RANGE)),
        (65535, {"missing_if": frozenset({65535.0})}, None),
        ("65535", {"missing_if": frozenset({65535.0})}, None),
        ("58.10", {}, (58.1, Reason.OK)),
        (" 1.5e3\n", {}, (1500.0, Reason.OK)),
        ("1_000", {}, ("1_000", Reason.TYPE)),
        (ARABIC, {}, (ARABIC, Reason.TYPE)),
        ("inf", {}, ("inf", Reason.TYPE)),
        ("1e400", {}, ("1e400", Reason.TYPE)),
        ("+5", {}, ("+5", Reason.TYPE)),
        ("0x10", {}, ("0x10", Reason.TYPE)),
        ("1,75", {}, ("1,75", Reason.TYPE)),
        ("1,75", {"decimal_comma": True}, (1.75, Reason.OK)),
        ("1.234,5", {"decimal_comma": True}, ("1.234,5", Reason.TYPE)),
        ("1480 rpm", {}, ("1480 rpm", Reason.TYPE)),
        ("1480 rpm", {"strip": "rpm"}, (1480.0, Reason.OK)),
        ("21,5 °C", {"strip": "°C", "decimal_comma": True}, (21.5, Reason.OK)),
        (True, {}, (True, Reason.TYPE)),
        (True, {"kind": STATE}, (True, Reason.OK)),
        (True, {"words": {"true": 1.0, "false": 0.0}}, (1.0, Reason.OK)),
        ("ON", {"words": {"ON": True, "OFF": False}, "kind": STATE}, (True, Reason.OK)),
        ("blink", {"words": {"ON": True, "OFF": False}, "kind": STATE}, ("blink", Reason.TYPE)),
        (1, {"words": {"1": True, "0": False}, "kind": STATE}, (True, Reason.OK)),
        ("unknown", {"words": {"unknown": False}, "kind": STATE}, (False, Reason.OK)),
        ("open", {"kind": STATE}, ("open", Reason.OK)),
        ("single", {"kind": EVENT}, ("single", Reason.OK)),
        (1700000000123456789, {"kind": TEXT}, ("1700000000123456789", Reason.OK)),
        (1.0, {"kind": TEXT}, ("1", Reason.OK)),
        (False, {"kind": TEXT}, ("false", Reason.OK)),
        ({"a": 1}, {}, ("object of 1", Reason.TYPE)),
        ([1, 2], {"kind": TEXT}, ("array of 2", Reason.TYPE)),
        (INVALID, {}, ("INVALID", Reason.TYPE)),
        (10**400, {}, ("not finite", Reason.TYPE)),
        (1e308, {"scale": 10.0}, ("not finite", Reason.TYPE)),
    ],
)
def test_the_order_of_coercion(raw, fields, expected):
    assert outcome(raw, **fields) == expected


def test_a_wrong_text_is_cut_to_what_the_store_keeps():
    value, reason = outcome("x" * 70_000)
    assert (len(value), reason) == (256, Reason.TYPE)


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(INVALID),
    st.sampled_from(MetricKind),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
def test_a_number_is_always_finite_and_a_text_short(raw, kind, scale, offset, comma):
    reading = coerce(metric(kind=kind, scale=scale, offset=offset, decimal_comma=comma), raw)
    if reading is not None:
        value = reading.value
        assert isinstance(value, bool | float | str)
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, str) or len(value) <= 256
