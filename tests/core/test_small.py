"""Ids, rhythm, topic documents, what is known of an asset."""

from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Proof
from gateway.core.ids import new_id
from gateway.core.latest import Latest
from gateway.core.messages import Quality, Reason
from gateway.core.paths import Path
from gateway.core.proofs import proves
from gateway.core.readings import Metric, MetricKind, Reading
from gateway.core.rhythm import FLOOR_MS, Rhythm
from gateway.core.topic_tree import encode, rfc3339


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=20), st.binary(min_size=10))
def test_ids_sort_by_their_time_and_are_version_7(times, randomness):
    made = [new_id(at, randomness) for at in sorted(set(times))]
    assert all(earlier < later for earlier, later in pairwise(made))
    assert {UUID(text).version for text in made} == {7}


@given(st.integers(-(10**16), 10**16))
def test_any_time_can_be_written(at_ms):
    assert rfc3339(at_ms).endswith("Z")


def test_documents_are_utf8_and_hold_no_nan():
    assert encode({"name": "Kühlpumpe"}) == '{"name":"Kühlpumpe"}'.encode()


def test_a_silence_beyond_the_rhythm_is_reported_once_and_its_end_too():
    rhythm = Rhythm()
    for second in range(0, 600, 30):
        assert not rhythm.beat(second * 1000)
    assert rhythm.overdue(570_000 + 149_000) is None
    assert rhythm.overdue(570_000 + 151_000) == 151_000
    assert rhythm.overdue(570_000 + 300_000) is None
    assert rhythm.beat(900_000)
    assert not rhythm.beat(930_000)


def test_a_source_that_never_spoke_is_not_overdue():
    assert Rhythm().overdue(10**9) is None
    busy = Rhythm()
    busy.beat(0)
    busy.beat(10)
    assert busy.overdue(FLOOR_MS) is None


HEAT = Metric("heat", "s", "d", Path.parse("heat"), asset="a", stale_ms=1_000)
PRESS = Metric("press", "s", "d", Path.parse("p"), asset="a", kind=MetricKind.EVENT)


def test_only_good_readings_are_known_and_only_until_stale():
    latest = Latest({"heat": HEAT}, {"heat": 500})
    latest.take(Reading(HEAT, 1.0), 0, 0)
    latest.take(Reading(HEAT, 9.0, Reason.CACHED), 100, 100)
    assert latest.at(900).value("heat") == 1.0
    assert latest.at(1_001).value("heat") is None
    assert latest.quality("heat", 1_001) == (Quality.BAD, "stale")
    assert latest.at(400).history("heat", 500) == [(0, 1.0)]


def test_an_event_is_never_held():
    latest = Latest({"press": PRESS}, {})
    latest.take(Reading(PRESS, True), 0, 0)
    assert latest.at(0).value("press") is True
    assert latest.at(1).value("press") is None


def test_a_metric_that_never_came_is_silent():
    assert Latest({"heat": HEAT}, {}).quality("heat", 0) == (Quality.BAD, "silent")


def test_proofs_say_what_they_saw():
    off = Reading(Metric("on", "s", "d", Path.parse("x"), kind=MetricKind.STATE), False)
    assert proves(Proof("on", 1, equals=False), off) == "on is False"
    assert proves(Proof("on", 1, equals=True), off) == ""
    assert proves(Proof("heat", 1, above=2.0, below=4.0), Reading(HEAT, 3.0))
    assert not proves(Proof("heat", 1, above=3.0), Reading(HEAT, 3.0))
    assert not proves(Proof("heat", 1), Reading(HEAT, 3.0))
