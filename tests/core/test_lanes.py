"""Rows that come together are those that come one by one."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.messages import Reason
from gateway.core.windows import Channel, Shape, Windows

CHANNELS = tuple(Channel(name, "1", required=name != "c", low=0.0, high=9.0) for name in "abc")
STEPS = st.lists(
    st.tuples(
        st.integers(-400, 900),
        st.lists(st.integers(0, 9), min_size=3, max_size=3),
    ),
    max_size=30,
)


def rows(windows: Windows) -> tuple[object, ...]:
    newest = windows.latest()
    return (windows.rows, windows.bad, newest.abstained, tuple(newest.values), newest.coverage)


@given(STEPS)
def test_readings_of_one_row_may_come_together(
    steps: list[tuple[int, list[int]]],
) -> None:
    """With the optional channel first: one by one, a row closes with its last required one."""
    together, apart = Windows(Shape(CHANNELS, 100, 3)), Windows(Shape(CHANNELS, 100, 3))
    at_ms = 10_000
    order = (2, 1, 0)
    for passed_ms, values in steps:
        at_ms += passed_ms
        due = list(together.take_all(order, at_ms, values))
        one_by_one = [
            window
            for channel, value in zip(order, values, strict=True)
            for window in apart.take(channel, at_ms, value)
        ]
        assert repr(due) == repr(one_by_one)  # a gap is nan
        assert repr(rows(together)) == repr(rows(apart))
    assert together.late == apart.late


def test_what_comes_together_belongs_to_one_row() -> None:
    windows = Windows(Shape(CHANNELS, 100, 1))
    windows.take_all((0,), 10, (1.0,))
    (due,) = windows.take_all((1, 0, 2), 50, (5.0, 6.0, 7.0))
    assert tuple(due.values) == (6.0, 5.0, 7.0)
    assert windows.late == 0


def test_what_is_out_of_range_is_refused_and_the_others_are_taken() -> None:
    windows = Windows(Shape(CHANNELS, 100, 1))
    assert not windows.take_all((0, 1, 2), 50, (1.0, 99.0, 3.0))
    assert windows.bad == f"b: {Reason.RANGE}"
    (due,) = windows.take_all((1,), 60, (2.0,))
    assert tuple(due.values) == (1.0, 2.0, 3.0)
