import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import units


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected"),
    [
        (212, "°F", "degC", 100),
        (0, "celsius", "K", 273.15),
        (1.5, "kW", "W", 1500),
        (1013.2, "hPa", "bar", 1.0132),
        (60, "L/min", "m3/h", 3.6),
        (1, "in/s", "mm/s", 25.4),
        (1500, "rpm", "Hz", 25),
        (1, "g", "m/s²", 9.80665),
        (50, "%", "1", 0.5),
        (90, "min", "h", 1.5),
    ],
)
def test_a_value_is_converted(value, from_unit, to_unit, expected):
    scale, offset = units.convert(from_unit, to_unit)
    assert value * scale + offset == pytest.approx(expected)


@pytest.mark.parametrize(
    ("one", "other"), [("W", "Wh"), ("degC", "%"), ("W", "furlong"), ("", "W")]
)
def test_there_is_no_way_between_dimensions(one, other):
    assert units.convert(one, other) is None


def test_capitals_count_where_they_mean_something():
    assert units.canonical("mW") == "mW"
    assert units.canonical("MW") == "MW"
    assert units.canonical("mw") is None
    assert units.canonical("RPM") == "rpm"


@given(st.sampled_from(units.SYMBOLS), st.sampled_from(units.SYMBOLS), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same(one, other, value):
    there = units.convert(one, other)
    if there is None:
        return
    scale, offset = units.convert(other, one)
    back = (value * there[0] + there[1]) * scale + offset
    assert back == pytest.approx(value, rel=1e-6, abs=1e-6 * (1 + abs(offset)))


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("temperature_C", "degC"),
        ("pressure_hPa", "hPa"),
        ("wind_avg_km_h", "km/h"),
        ("temperature", ""),
        ("mode_c", ""),
        ("_C", ""),
    ],
)
def test_a_key_may_name_its_unit(key, unit):
    assert units.suffix(key) == unit
