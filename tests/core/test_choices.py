"""What one cloud is sent."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batches import Lane
from gateway.core.choices import Choice, Kind, RowKind, lanes, problem, queued, row_kinds

CHOICES = st.builds(
    Choice,
    st.frozensets(st.sampled_from(Kind)),
    st.frozensets(st.text(max_size=5), max_size=3),
    st.frozensets(st.text(max_size=5), max_size=3),
    st.booleans(),
)


def of(*kinds: Kind) -> Choice:
    return Choice(frozenset(kinds))


@given(CHOICES)
def test_a_choice_survives_its_way_through_json(choice: Choice) -> None:
    assert Choice.of(json.loads(json.dumps(choice.tree()))) == choice


@given(CHOICES)
def test_a_lane_is_needed_where_it_carries_something(choice: Choice) -> None:
    assert all(row_kinds(choice, lane) for lane in lanes(choice))
    assert (Lane.LIVE in lanes(choice)) == bool(choice.kinds & {Kind.READINGS, Kind.MINUTES})


def test_readings_come_with_what_tells_that_the_clock_was_wrong() -> None:
    assert row_kinds(of(Kind.READINGS), Lane.EVENTS) == {"clock"}
    assert row_kinds(of(Kind.READINGS), Lane.BACKFILL) == {"reading", "reading_1h", "gap"}
    assert row_kinds(of(Kind.MINUTES), Lane.LIVE) == {"reading_1m", "reading_1h", "gap"}


def test_decisions_and_the_rest_of_the_chain_are_chosen_apart() -> None:
    assert row_kinds(of(Kind.DECISIONS), Lane.EVENTS) == {"decision", "command", "gap"}
    rest = row_kinds(of(Kind.AUDIT), Lane.EVENTS)
    assert {"checkpoint", "intervention", "security"} <= rest
    assert not rest & {"decision", "command"}
    assert lanes(of(Kind.AUDIT)) == (Lane.EVENTS,)


def test_only_what_somebody_wants_is_queued() -> None:
    assert queued(()) == frozenset()
    assert queued((of(Kind.READINGS), of(Kind.HEALTH))) == {RowKind.HEALTH}
    assert queued((of(Kind.ALERTS), of(Kind.HEALTH))) == {RowKind.ALERT, RowKind.HEALTH}


def test_a_choice_that_nobody_can_mean_is_told() -> None:
    assert "at least one" in problem(of())
    assert "two entries" in problem(of(Kind.READINGS, Kind.MINUTES))
    assert "metrics" in problem(Choice(frozenset({Kind.ALERTS}), metrics=frozenset({"power"})))
    assert not problem(of(Kind.READINGS, Kind.ALERTS))


def test_no_asset_named_is_every_asset() -> None:
    assert of(Kind.ALERTS).takes_asset("pump-7")
    some = Choice(frozenset({Kind.ALERTS}), frozenset({"pump-7"}))
    assert some.takes_asset("pump-7")
    assert not some.takes_asset("fan-1")
