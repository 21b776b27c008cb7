import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.echoes import agrees, number


@pytest.mark.parametrize(
    ("wanted", "shown", "same"),
    [
        ("200", 200, True),
        (21.5, 21.49999, True),
        (21.5, 21.4, False),
        (0, 0.0, True),
        (0, 1e-3, False),
        ("ON", True, True),
        ("off", 0, True),
        ("LOCK", "lock", True),
        ("LOCK", 1, False),
        ("1_000", 1000, False),
        (None, None, False),
        ("nan", float("nan"), False),
        ({}, {}, False),
        ([1, "a"], ["1", "A"], True),
        ([1], 1, False),
    ],
)
def test_values_agree_by_meaning(wanted, shown, same):
    assert agrees(wanted, shown) is same


@given(st.floats(allow_nan=False, allow_infinity=False, max_value=1e299, min_value=-1e299))
def test_a_number_agrees_with_itself_however_it_is_written(value):
    assert agrees(value, repr(value))
    assert agrees(repr(value), value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "1e999", None, [], "x", 10**400])
def test_what_is_no_number_is_none(value):
    assert number(value) is None
