import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sparklines import ASCII, sparkline

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([5.0], "▅"),
        ([1, 1, 1], "▅▅▅"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7, 0, 7], "█▁█"),
    ],
)
def test_the_lowest_is_at_the_bottom_and_the_highest_at_the_top(values, line):
    assert sparkline(values) == line


def test_ascii_has_the_same_heights():
    assert sparkline(range(8), signs=ASCII) == ASCII


@given(st.lists(FINITE, max_size=200), st.integers(1, 80))
def test_a_line_is_never_wider_than_asked_for(values, width):
    assert len(sparkline(values, width)) == min(len(values), width)
