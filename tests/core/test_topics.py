import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from gateway.core.topics import Pattern, matches, overlaps

LEVEL = st.sampled_from(["a", "b", "", "$SYS", "plant 3"])
TOPICS = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.builds(
    lambda levels, rest: "/".join([*levels, *rest]),
    st.lists(LEVEL | st.just("+"), max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool)
NAMES = st.sampled_from(["device", "metric", "x"])


@given(FILTERS, TOPICS)
def test_matching_agrees_with_paho(filter_, topic):
    assert matches(filter_, topic) == topic_matches_sub(filter_, topic)


@given(FILTERS, FILTERS, TOPICS)
def test_filters_that_share_a_topic_overlap(one, other, topic):
    assert overlaps(one, other) == overlaps(other, one)
    if matches(one, topic) and matches(other, topic):
        assert overlaps(one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a/+", "a/b", True),
        ("a/#", "a", True),
        ("a/+/c", "a/b/+", True),
        ("a/b", "a/c", False),
        ("a/+", "a/b/c", False),
        ("#", "$SYS/#", False),
    ],
)
def test_overlap(one, other, expected):
    assert overlaps(one, other) is expected


@pytest.mark.parametrize(
    ("pattern", "topic", "names"),
    [
        ("factory/{device}/plc", "factory/line1/plc", {"device": "line1"}),
        ("factory/{device}/plc", "factory/line1/x/plc", None),
        ("z/{device+}", "z/plant/line 3/fan", {"device": "plant/line 3/fan"}),
        ("z/{device+}/set", "z/a/set/set", {"device": "a/set"}),
        ("z/{device+}/set/{key}", "z/a/b/set/state", {"device": "a/b", "key": "state"}),
        ("gw-{id}/#", "gw-7/x/y", {"id": "7"}),
        ("gw-{id}/#", "gw-7", {"id": "7"}),
        ("+/{device}", "/pump", {"device": "pump"}),
        ("a.b/{device}", "axb/pump", None),
        ("{device}", "", None),
    ],
)
def test_a_pattern_names_levels(pattern, topic, names):
    assert Pattern.parse(pattern).match(topic) == names


@pytest.mark.parametrize(
    ("pattern", "column"),
    [("", 1), ("a/{", 3), ("a/#/b", 3), ("a/b+", 3), ("{a}/{a}", 5), ("x{a+}", 2), ("{A}", 1)],
)
def test_a_wrong_pattern_is_refused_with_the_column(pattern, column):
    with pytest.raises(ValueError, match=f"column {column}:"):
        Pattern.parse(pattern)


@given(TOPICS, TOPICS, st.sampled_from(["{device}", "{device+}", "x-{device}"]))
def test_what_a_pattern_fills_in_it_reads_back(before, after, name):
    pattern = Pattern.parse(f"{before}/{name}/{after}")
    topic = pattern.fill({"device": "pump"})
    assert pattern.match(topic) == {"device": "pump"}
    assert str(Pattern.parse(str(pattern))) == str(pattern)


@given(st.lists(st.sampled_from(["a", "{x}", "{y+}", "+", "p{z}"]), min_size=1, max_size=4), TOPICS)
def test_the_filter_of_a_pattern_takes_all_its_topics(levels, topic):
    assume(len(set(levels) - {"a", "+"}) == len([one for one in levels if one not in {"a", "+"}]))
    assume(not topic.startswith("$"))
    pattern = Pattern.parse("/".join(levels))
    if pattern.match(topic) is not None:
        assert matches(pattern.filter, topic)
