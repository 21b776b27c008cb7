"""When a lane may send: budgets, rates, hours, back-off, credit."""

from hypothesis import given, strategies

from gateway.core.batches import Answer, Cursor, Lane
from gateway.core.hours import Hours, parse
from gateway.core.sync_pace import (
    DAY_MS,
    LONGEST_MS,
    Allowance,
    Now,
    Pace,
    Patience,
    Why,
    next_send,
)

NOON = 1_800_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2
SIZES = strategies.lists(
    strategies.tuples(strategies.integers(1, 50_000), strategies.integers(0, 5_000)), max_size=60
)
LANES = strategies.sampled_from([Lane.LIVE, Lane.BACKFILL])


def now(ms: int, *, ok: bool = True) -> Now:
    return Now(NOON + ms, ms, ok)


@given(SIZES, LANES, strategies.integers(100, 100_000))
def test_no_more_than_the_rate_its_burst_and_one_batch_go_out(
    steps: list[tuple[int, int]], lane: Lane, rate: int
) -> None:
    pace, at, sent, largest = Pace(Allowance(rate=rate)), 0, 0, 0
    for size, pause in steps:
        at += pause
        at += pace.wait(lane, now(at)).ms
        left = pace.wait(lane, now(at)).ms  # a float may be a hair short of what it waited for
        assert left <= 1
        at += left + 1
        pace.sent(size, now(at))
        sent, largest = sent + size, max(largest, size)
        assert sent <= rate * at / 1000 + rate + largest + 1e-6


@given(SIZES, LANES, strategies.integers(10_000, 200_000))
def test_of_a_days_budget_at_most_one_batch_is_overdrawn(
    steps: list[tuple[int, int]], lane: Lane, budget: int
) -> None:
    pace, sent, largest = Pace(Allowance(budget=budget)), 0, 0
    for size, _ in steps:
        if pace.wait(lane, now(0)).why is Why.BUDGET:
            assert sent >= budget
            continue
        pace.sent(size, now(0))
        sent, largest = sent + size, max(largest, size)
    assert sent < budget + largest or not sent
    assert pace.wait(lane, now(DAY_MS)).why is not Why.BUDGET


def test_events_are_counted_and_never_held_up() -> None:
    pace = Pace(Allowance(budget=10, rate=1))
    for _ in range(5):
        assert pace.wait(Lane.EVENTS, now(0)).ms == 0
        pace.sent(100, now(0))
    assert pace.today(now(0)) == 500
    assert pace.wait(Lane.LIVE, now(0)).why is Why.BUDGET


def test_live_goes_before_backfill_where_the_rate_is_short() -> None:
    pace = Pace(Allowance(rate=1_000))
    pace.sent(1_100, now(0))
    live, backfill = (pace.wait(lane, now(0)) for lane in (Lane.LIVE, Lane.BACKFILL))
    assert 0 < live.ms < backfill.ms


@given(strategies.lists(strategies.integers(-3, 3), max_size=20), strategies.booleans())
def test_a_day_never_begins_by_a_clock_that_cannot_be_believed(days: list[int], ok: bool) -> None:
    pace = Pace(Allowance(budget=1_000))
    pace.sent(1_000, now(0))
    for day in days:
        at = Now(NOON + day * DAY_MS, 0, ok and day <= 0)
        assert pace.wait(Lane.LIVE, at).why is Why.BUDGET


def test_what_was_spent_before_a_restart_counts() -> None:
    pace = Pace(Allowance(budget=1_000), NOON // DAY_MS, 1_000)
    assert pace.wait(Lane.LIVE, now(0)).why is Why.BUDGET


def test_outside_the_hours_nobody_sends_not_even_events() -> None:
    spans, _ = parse("Mo-Su 13:00-14:00 UTC")
    pace = Pace(Allowance(hours=Hours("", spans)))
    assert pace.wait(Lane.EVENTS, now(0)).why is Why.HOURS
    assert pace.wait(Lane.EVENTS, now(3_600_000)).ms == 0
    assert pace.wait(Lane.EVENTS, now(3_600_000, ok=False)).why is Why.HOURS


@given(strategies.lists(strategies.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_back_off_is_full_jitter_and_bounded(draws: list[float]) -> None:
    rest = iter(draws)
    patience = Patience(lambda: next(rest))
    for count, draw in enumerate(draws):
        ms = patience.failed(now(0))
        assert ms == round(draw * min(LONGEST_MS, 1_000 << min(count, 20)))
        assert patience.wait(now(0)).ms == ms
        assert patience.wait(now(ms)).ms == 0


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    patience = Patience(lambda: 0.0)
    assert patience.failed(now(0), 30.0) == 30_000
    wait = next_send(Pace(Allowance()), patience, Lane.LIVE, now(0))
    assert wait == (30_000, Why.BACKOFF)


def test_credit_holds_for_the_rows_that_were_taken() -> None:
    patience = Patience(lambda: 0.5)
    patience.granted(Answer(Cursor(500), rows_per_s=100.0), 500, now(0))
    assert patience.wait(now(0)) == (5_000, Why.CREDIT)
    patience.granted(Answer(Cursor(501), wait_s=2.0), 1, now(0))
    assert patience.wait(now(0)) == (2_000, Why.CREDIT)
    patience.granted(Answer(Cursor(502)), 1, now(0))
    assert patience.wait(now(0)).ms == 0
