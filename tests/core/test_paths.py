import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.paths import MISSING, Every, Index, Key, Path, Where

STEPS = st.one_of(
    st.builds(Key, st.text(max_size=8)),
    st.builds(Index, st.integers(0, 999_999)),
    st.just(Every()),
    st.builds(Where, st.text(max_size=8), st.text(max_size=8)),
)
TREE = {
    "ENERGY": {"Power": [10, 20]},
    "ZbReceived": {"0x8F20": {"Temperature": 21.5}, "0x1111": {"Humidity": 50}},
    "sensorDatas": [{"flag": "DI1", "switcher": "1"}, {"flag": "AI1", "value": "10.35"}],
    "switch:0": {"apower": 5},
    "a.b": 1,
    "a": {"b": 2},
    "": 3,
    "x/y": 4,
    "records": [{"id": 7, "ok": True, "v": 1}, {"id": 8, "ok": False, "v": None}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ENERGY.Power[1]", 20),
        ("ENERGY.Power[2]", MISSING),
        ("ENERGY.Power.x", MISSING),
        ("ZbReceived.*.Temperature", 21.5),
        ("ZbReceived[*].Humidity", 50),
        ("sensorDatas[flag=AI1].value", "10.35"),
        ('"switch:0".apower', 5),
        ("switch:0.apower", 5),
        ('"a.b"', 1),
        ("a.b", 2),
        ('""', 3),
        ("x/y", 4),
        ("records[id=8].v", None),
        ("records[ok=true].v", 1),
        ("nothing", MISSING),
    ],
)
def test_a_path_gives_the_first_value_there(path, value):
    assert Path.parse(path).first(TREE) == value


def test_a_fan_out_gives_every_value_with_what_it_matched():
    path = Path.parse("records[*].*")
    assert list(path.find(TREE))[:3] == [(("0", "id"), 7), (("0", "ok"), True), (("0", "v"), 1)]
    assert path.fans_out


@pytest.mark.parametrize(
    ("path", "column"),
    [("", 1), (".a", 1), ("a.", 2), ("a..b", 2), ("a[", 2), ("a[-1]", 2), ("a[x]", 2), ('"a', 1)],
)
def test_a_wrong_path_is_refused_with_the_column(path, column):
    with pytest.raises(ValueError, match=f"column {column}:"):
        Path.parse(path)


@given(st.lists(STEPS, min_size=1, max_size=5))
def test_a_path_reads_back_as_it_is_written(steps):
    path = Path.of(*steps)
    assert Path.parse(str(path)) == path


@given(st.text(max_size=20))
def test_a_text_is_a_path_or_a_value_error(text):
    try:
        path = Path.parse(text)
    except ValueError:
        return
    assert Path.parse(str(path)) == path


@given(
    st.lists(STEPS, min_size=1, max_size=3),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
    ),
)
def test_the_first_value_is_the_first_found(steps, tree):
    path = Path.of(*steps)
    assert path.first(tree) == next((value for _, value in path.find(tree)), MISSING)
