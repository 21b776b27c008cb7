from array import array
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.messages import Reason
from gateway.core.windows import Channel, Shape, Windows

SHAPE = Shape(
    (Channel("a", "1", hold_ms=2_500), Channel("b", "1", hold_ms=2_500)), 1_000, 3, 1, 0.0
)


def rows(windows, count, start=0):
    due = []
    for i in range(start, start + count):
        due += windows.take(0, i * 1_000 + 10, float(i))
        due += windows.take(1, i * 1_000 + 20, float(-i))
    return due


def test_a_row_closes_as_soon_as_every_required_channel_has_a_reading():
    windows = Windows(SHAPE)
    assert not windows.take(0, 100, 1.0)
    (window,) = windows.take(1, 200, 2.0)
    assert window.newest == (1.0, 2.0)
    assert window.abstained == "filling"


def test_a_full_window_holds_the_last_rows_in_order():
    due = rows(Windows(SHAPE), 5)
    assert [window.abstained for window in due] == ["filling", "filling", "", "", ""]
    assert due[-1].values == array("d", [2, -2, 3, -3, 4, -4])
    assert due[-1].end_ms == 5_000
    assert due[-1].coverage == 1.0


def test_a_missing_value_is_held_for_as_long_as_its_channel_allows():
    windows = Windows(SHAPE)
    rows(windows, 3)
    windows.take(0, 3_010, 3.0)
    (held,) = windows.advance(4_000)
    assert held.newest == (3.0, -2.0)
    assert held.abstained == ""
    windows.take(0, 4_010, 4.0)
    (gap,) = windows.advance(5_000)
    assert gap.abstained == "gap b: stale"
    assert len(gap.values) == 0


def test_an_optional_channel_is_filled_when_it_is_missing():
    shape = Shape(
        (Channel("a", "1"), Channel("b", "1", required=False, fill=7.0)), 1_000, 1, 1, 0.0
    )
    (window,) = Windows(shape).take(0, 5, 1.0)
    assert window.values == array("d", [1.0, 7.0])


def test_too_few_fresh_cells_are_an_abstention():
    shape = Shape((Channel("a", "1", hold_ms=10_000),), 1_000, 4, 1, 0.5)
    windows = Windows(shape)
    windows.take(0, 0, 1.0)
    due = windows.advance(4_000)
    assert due[-1].abstained == "coverage 0.25"


def test_a_value_outside_the_channels_limits_is_not_taken():
    windows = Windows(Shape((Channel("a", "1", low=0.0, high=10.0),), 1_000, 1))
    assert not windows.take(0, 0, 11.0)
    assert len(windows.take(0, 0, 10.0)) == 1


def test_a_required_channel_that_is_bad_now_is_an_abstention_though_a_value_is_held():
    windows = Windows(SHAPE)
    rows(windows, 3)
    windows.take(0, 3_010, 3.0)
    windows.refuse(1, Reason.FLATLINE)
    windows.refuse(1, Reason.CACHED)
    (bad,) = windows.advance(4_000)
    assert (bad.abstained, len(bad.values)) == ("bad b: flatline", 0)
    assert not bad.newest_has_gap
    windows.take(0, 4_010, 4.0)
    (well,) = windows.take(1, 4_020, -4.0)
    assert well.abstained == ""


def test_a_suspect_reading_is_bridged_by_the_value_before_it_and_then_names_the_gap():
    windows = Windows(SHAPE)
    rows(windows, 3)
    windows.take(0, 3_010, 3.0)
    windows.refuse(1, Reason.RATE)
    (held,) = windows.advance(4_000)
    assert held.abstained == ""
    windows.take(0, 4_010, 4.0)
    (gap,) = windows.advance(5_000)
    assert gap.abstained == "gap b: rate"


def test_a_bad_optional_channel_is_filled_not_held():
    shape = Shape(
        (Channel("a", "1"), Channel("b", "1", required=False, fill=7.0)), 1_000, 1, 1, 0.0
    )
    windows = Windows(shape)
    windows.take(1, 5, 1.0)
    windows.take(0, 6, 1.0)
    windows.refuse(1, Reason.RAIL)
    (window,) = windows.take(0, 1_005, 1.0)
    assert window.values == array("d", [1.0, 7.0])


def test_a_late_reading_does_not_change_a_closed_row_but_may_be_held():
    windows = Windows(SHAPE)
    rows(windows, 4)
    assert not windows.take(0, 3_900, 99.0)
    assert windows.late == 1
    windows.take(1, 4_100, 0.0)
    (window,) = windows.advance(5_000)
    assert window.newest == (99.0, 0.0)


def test_a_stride_makes_windows_rarer():
    shape = Shape((Channel("a", "1"),), 1_000, 2, 3)
    windows = Windows(shape)
    due = [window for i in range(9) for window in windows.take(0, i * 1_000, float(i))]
    assert [window.newest for window in due] == [(2.0,), (5.0,), (8.0,)]


@pytest.mark.parametrize("step", [-315_360_000_000, 315_360_000_000])
def test_a_clock_step_of_ten_years_starts_a_new_window_and_costs_no_time(step):
    windows = Windows(SHAPE)
    rows(windows, 4, start=1_000_000_000)
    start = 1_000_000_000 + step // 1_000
    due = rows(windows, 3, start=start)
    assert due[-1].abstained == ""
    assert due[-1].newest == (float(start + 2), float(-start - 2))


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 20_000), st.floats(-5, 5)), max_size=80
    ).map(lambda items: sorted(items, key=lambda item: item[1])),
    st.lists(st.integers(0, 79), max_size=5),
)
def test_windows_do_not_depend_on_when_the_timer_looks(readings, looks):
    """Closing rows early by the timer never changes a window that is due anyway."""
    with_timer, without = Windows(SHAPE), Windows(SHAPE)
    seen, expected = [], []
    for i, (channel, at_ms, value) in enumerate(readings):
        if i in looks:
            seen += with_timer.advance(at_ms)
        seen += with_timer.take(channel, at_ms, value)
        expected += without.take(channel, at_ms, value)
    end = 30_000
    seen += with_timer.advance(end)
    expected += without.advance(end)
    assert [w.end_ms for w in seen] == [w.end_ms for w in expected]
    assert [w.values for w in seen] == [w.values for w in expected]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-10_000, 60_000)), max_size=200))
def test_a_window_that_can_be_judged_is_whole_and_finite(readings):
    windows = Windows(SHAPE)
    for channel, at_ms in readings:
        for window in windows.take(channel, at_ms, float(at_ms)):
            if not window.abstained:
                assert len(window.values) == 6
                assert all(isfinite(value) for value in window.values)
