from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.messages import Origin, Reason, Uplink
from gateway.core.times import AHEAD_MS, LATE_MS, WINDOW_MS, axis, parse, rfc3339

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("value", "form", "at_ms"),
    [
        ("2023-11-14T22:13:20Z", "iso8601", NOW_MS),
        ("2023-11-14T22:13:20.123456789Z", "auto", NOW_MS + 123),
        ("2023-11-14T23:13:20+0100", "auto", NOW_MS),
        ("20220718T093415,5Z", "auto", 1_658_136_855_500),
        ("2016-12-31T23:59:60Z", "auto", 1_483_228_799_000),
        ("2023-11-14 22:13:20", "auto", None),
        ("2023-11-14T25:13:20Z", "auto", None),
        ("soon", "auto", None),
        (1_700_000_000, "auto", NOW_MS),
        (1_700_000_000.5, "epoch_s", NOW_MS + 500),
        ("1700000000", "epoch_s", NOW_MS),
        (1_700_000_000_123, "auto", NOW_MS + 123),
        (1_700_000_000_123_456, "auto", NOW_MS + 123),
        (1_700_000_000_123_456_789, "auto", NOW_MS + 123),
        ("1700000000123456789", "epoch_ns", NOW_MS + 123),
        (12_345, "epoch_ms", 12_345),
        (-1, "epoch_s", None),
        (1e300, "epoch_s", None),
        (True, "auto", None),
        (None, "auto", None),
        ({}, "auto", None),
        ("2023-11-14T22:13:20Z", "epoch_s", None),
        (1_700_000_000, "iso8601", None),
    ],
)
def test_a_time_is_read_or_is_none(value, form, at_ms):
    assert parse(value, form) == at_ms


def test_a_number_too_large_for_a_time_is_none():
    assert parse(1.797693134862316e305, "epoch_s", None) is None


def test_a_local_time_needs_a_zone():
    assert parse("2023-11-14 23:13:20", "auto", ZoneInfo("Europe/Berlin")) == NOW_MS


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    st.sampled_from(["iso8601", "epoch_s", "epoch_ms", "epoch_ns", "auto"]),
)
def test_any_value_is_a_storable_time_or_none(value, form):
    at_ms = parse(value, form)
    assert at_ms is None or 0 <= at_ms < 2**53


@pytest.mark.parametrize(
    ("offset_ms", "at_ms", "reason"),
    [
        (0, NOW_MS, Reason.OK),
        (AHEAD_MS, NOW_MS + AHEAD_MS, Reason.OK),
        (AHEAD_MS + 1, NOW_MS, Reason.CLOCK),
        (-LATE_MS, NOW_MS - LATE_MS, Reason.OK),
        (-LATE_MS - 1, NOW_MS - LATE_MS - 1, Reason.LATE),
        (-WINDOW_MS, NOW_MS - WINDOW_MS, Reason.LATE),
        (-WINDOW_MS - 1, NOW_MS, Reason.CLOCK),
    ],
)
def test_the_source_has_its_own_time_only_near_ours(offset_ms, at_ms, reason):
    uplink = Uplink("pump", {}, NOW_MS + offset_ms, Origin.SAMPLE)
    assert axis(uplink, NOW_MS) == (at_ms, reason)


@pytest.mark.parametrize("origin", [Origin.LAST_SEEN, Origin.NONE])
def test_last_seen_is_never_the_axis(origin):
    assert axis(Uplink("pump", {}, 1, origin), NOW_MS) == (NOW_MS, Reason.OK)


def test_nothing_is_judged_by_a_clock_that_is_not_set():
    uplink = Uplink("pump", {}, NOW_MS, Origin.SERVER)
    assert axis(uplink, 5_000, clock_ok=False) == (5_000, Reason.OK)


def test_a_time_is_written_with_milliseconds():
    assert rfc3339(NOW_MS + 7) == "2023-11-14T22:13:20.007Z"
