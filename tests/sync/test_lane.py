"""One lane, one failure at a time, in virtual time."""

import pytest

from gateway.core.batches import Cursor
from gateway.core.batches import Lane as Name
from gateway.core.hours import Hours, parse
from gateway.core.sync_pace import Allowance
from gateway.core.sync_places import Span
from tests.fakes.outage import Numbers, Site, ledger
from tests.fakes.sink import LOST_ANSWER, LOST_REQUEST, REFUSED, Cloud

LIVE, BACKFILL, EVENTS = Name.LIVE, Name.BACKFILL, Name.EVENTS


def site(last: int = 30, **settings: object) -> Site:
    made = Site(rows=Numbers(last=last), **settings)  # type: ignore[arg-type]
    made.start()
    return made


def cut(of: Site) -> None:
    """Until a batch is kept and not sent."""
    for _ in range(10):
        if of.lanes[LIVE]._book.kept is None:
            of.step(BACKFILL)
            of.step(LIVE)


def numbered(of: Site, name: Name) -> bool:
    seqs = of.cloud.seqs(of.stream(name))
    return seqs == list(range(1, len(seqs) + 1))


def test_rows_arrive_once_and_in_order() -> None:
    one = site(15)
    one.run(5)
    one.rows.last = 33
    one.run(5)
    assert one.numbers(LIVE) == one.rows.wanted()
    assert numbered(one, LIVE)


@pytest.mark.parametrize("fault", [LOST_ANSWER, LOST_REQUEST])
def test_the_same_bytes_are_sent_again(fault: str) -> None:
    one = site(15)
    one.cloud.faults.append(fault)
    one.run(30)
    (_, first), (_, second) = one.cloud.payloads
    assert first == second
    assert one.numbers(LIVE) == one.rows.wanted()


def test_a_killed_process_sends_the_bytes_it_kept() -> None:
    one = site(15)
    cut(one)
    kept = one.lanes[LIVE]._book.kept
    one.rows.last = 25
    one.start()
    one.run(60)
    assert kept is not None
    assert one.cloud.payloads[0][1] == kept.payload
    assert one.numbers(LIVE) == one.rows.wanted()


def test_a_backlog_is_left_to_backfill_and_live_goes_on_at_the_head() -> None:
    one = site(1_000)
    one.rows.last = 1_000
    one.run(1)
    one.rows.last = 1_004
    one.run(3)
    assert one.numbers(LIVE) == [1001, 1002, 1003, 1004]
    one.run(60)
    assert one.numbers(BACKFILL, LIVE) == one.rows.wanted()
    assert numbered(one, BACKFILL)


def test_newest_first_sends_the_newest_outage_first() -> None:
    one = site(300, backfill="newest", names=(BACKFILL,))
    one.run(2)
    for number in (1, 2, 3):
        ends = [f"report:{at}" for at in (number * 100 - 90, number * 100)]
        one.ledger.jump("hq", "e1", Span(number, *ends))
    one.run(60)
    sent = one.numbers(BACKFILL)
    assert [n // 100 for n in (sent[0], sent[100], sent[-1])] == [2, 1, 0]
    assert len(sent) == len(set(sent)) == 3 * 72


def test_a_long_outage_is_sent_from_its_end_when_the_newest_goes_first() -> None:
    one = site(90_000, backfill="newest", names=(BACKFILL,))
    one.rows.scan = 5_000
    one.ledger.jump("hq", "e1", Span(1, "", "report:90000"))
    one.run(20)
    sent = one.numbers(BACKFILL)
    assert sent[0] == 70_001
    assert sorted(sent) == one.rows.wanted()
    assert numbered(one, BACKFILL)


def test_no_backfill_goes_on_at_the_head_and_counts_what_it_left_out() -> None:
    one = site(1_000, backfill="none", names=(LIVE,))
    one.run(5)
    one.rows.last = 1_020
    one.run(5)
    assert one.numbers(LIVE) == [n for n in range(1001, 1021) if n % 5]
    one.cloud.away = True
    one.rows.last = 1_025
    one.run(300)
    one.rows.last = 2_000
    one.cloud.away = False
    one.run(600)
    one.rows.last = 2_003
    one.run(5)
    assert one.numbers(LIVE)[-3:] == [2001, 2002, 2003]
    assert one.ledger.state(one.lanes[LIVE]._book._key).skipped == 975


def test_a_receiver_that_lost_everything_is_given_everything_again() -> None:
    one = site(500)
    one.run(60)
    for name in (LIVE, BACKFILL):
        one.cloud.lose(one.stream(name))
    one.rows.last = 520
    one.start()
    one.run(120)
    assert sorted(one.numbers(BACKFILL, LIVE)) == one.rows.wanted()
    assert numbered(one, LIVE)
    assert numbered(one, BACKFILL)


def test_a_receiver_that_went_back_is_given_what_it_lost() -> None:
    one = site(20)
    one.run(5)
    before = one.cloud.cursors[one.stream(LIVE)]
    one.rows.last = 45
    one.run(5)
    one.cloud.lose(one.stream(LIVE), before)
    one.start()
    one.run(5)
    assert one.numbers(LIVE) == one.rows.wanted()


def test_a_lost_ledger_goes_on_from_the_receivers_cursor() -> None:
    one = site(500)
    one.run(20)
    one.ledger = ledger()
    one.rows.last = 530
    one.start()
    one.run(120)
    assert sorted(one.numbers(BACKFILL, LIVE)) == one.rows.wanted()
    assert any(event == "sync_cursor_moved" for event, _ in one.told)


def test_a_ledger_lost_in_the_middle_of_a_backfill_leaves_no_hole() -> None:
    one = site(2_000)
    for _ in range(200):
        if len(one.numbers(BACKFILL)) < 300:
            one.run(0.005)
    one.ledger = ledger()
    one.rows.last = 2_010
    one.start()
    one.run(200)
    assert sorted(one.numbers(BACKFILL, LIVE)) == one.rows.wanted()


def test_a_position_that_nobody_knows_begins_a_new_stream() -> None:
    one = site(15)
    one.cloud.cursors[one.stream(LIVE)] = Cursor(7, "what?")
    one.run(30)
    (event, keys) = next(told for told in one.told if told[0] == "sync_stream_began")
    assert event
    assert str(keys["epoch"]).startswith("e1-")
    assert [row["n"] for stream, rows in one.cloud.rows.items() for row in rows] == (
        one.rows.wanted()
    )


def test_a_receiver_that_cannot_tell_gets_a_stream_of_its_own() -> None:
    one = site(15, cloud=Cloud(knows=False))
    one.run(5)
    one.rows.last = 30
    one.start()
    one.run(5)
    (stream,) = one.cloud.rows
    assert stream.epoch.startswith("e1-")
    assert [row["n"] for row in one.cloud.rows[stream]] == one.rows.wanted()


def test_refused_rows_are_set_aside_and_the_rest_goes_on() -> None:
    one = site(30)
    one.cloud.refuses = lambda row: "too high" if row["n"] == 12 else ""
    one.run(10)
    assert one.numbers(LIVE) == [n for n in one.rows.wanted() if n != 12]
    assert one.ledger.state(one.lanes[LIVE]._book._key).refused == 1
    assert ("sync_rows_refused", {"rows": 1, "reason": "too high"}) in one.told


def test_of_a_lost_answer_the_refused_rows_are_known_too() -> None:
    one = site(30)
    one.cloud.refuses = lambda row: "too high" if row["n"] == 12 else ""
    one.cloud.faults.append(LOST_ANSWER)
    one.run(60)
    assert one.ledger.state(one.lanes[LIVE]._book._key).refused == 1


def test_of_a_refused_batch_only_the_row_is_set_aside_that_it_is_about() -> None:
    one = site(200, far=1_000)
    poison = 97

    class Picky(Cloud):
        def take(self, batch):  # type: ignore[no-untyped-def]
            from gateway.core.batches import unpack
            from gateway.errors import SinkRefusedError

            if any(row["n"] == poison for row in unpack(batch.payload)[1]):
                raise SinkRefusedError("poison")
            return super().take(batch)

    one.cloud = Picky()
    one.start()
    one.run(60)
    assert one.numbers(LIVE) == [n for n in one.rows.wanted() if n != poison]
    assert numbered(one, LIVE)


def test_a_receiver_that_refuses_everything_is_given_time() -> None:
    one = site(5_000, far=10_000)
    one.cloud.faults.extend([REFUSED] * 10_000)
    one.run(3_600)
    assert one.ledger.state(one.lanes[LIVE]._book._key).refused < 200


def test_a_rate_holds_and_an_alert_does_not_wait_for_it() -> None:
    one = site(3_000, allowance=Allowance(rate=5_000), names=(LIVE, BACKFILL))
    began = one.watch.ms
    one.run(10)
    size = sum(len(payload) for _, payload in one.cloud.payloads)
    assert size < 5_000 * ((one.watch.ms - began) / 1000 + 3)


def test_a_budget_holds_for_readings_but_not_for_events() -> None:
    one = site(3_000, allowance=Allowance(budget=3_000), names=(LIVE, BACKFILL, EVENTS))
    one.run(60)
    of = {
        name: sum(len(p) for head, p in one.cloud.payloads if head.stream.lane == name)
        for name in one.names
    }
    assert of[LIVE] + of[BACKFILL] < 3_000 + 2 * 4_096
    assert one.numbers(EVENTS) == one.rows.wanted()
    assert one.lanes[LIVE].figures.waits in ("budget", "")
    sent = len(one.numbers(LIVE, BACKFILL))
    one.watch.ms += 86_400_000
    one.run(5)
    assert len(one.numbers(LIVE, BACKFILL)) > sent


def test_outside_the_hours_nobody_is_connected() -> None:
    spans, _ = parse("Mo-Su 22:00-06:00 UTC")
    one = site(30, allowance=Allowance(hours=Hours("", spans)))
    one.watch.ms = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
    one.start()
    one.run(3_600)
    assert one.cloud.openings == []
    assert one.lanes[LIVE].figures.waits == "hours"
    one.run(10 * 3_600)
    assert one.numbers(LIVE) == one.rows.wanted()


def test_when_the_hours_end_the_connection_does() -> None:
    spans, _ = parse("Mo-Su 12:00-13:00 UTC")
    one = site(30, allowance=Allowance(hours=Hours("", spans)))
    one.watch.ms = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
    one.start()
    one.run(60)
    assert one.numbers(LIVE) == one.rows.wanted()
    one.run(3_600)
    assert not one.lanes[LIVE]._door.open
    one.rows.last = 35
    one.run(3_600)
    assert len(one.numbers(LIVE)) == 24


def test_credit_slows_a_lane_down() -> None:
    one = site(2_000, cloud=Cloud(rows_per_s=10.0), far=10_000)
    one.run(10)
    assert 0 < len(one.numbers(LIVE)) < 200
    assert one.lanes[LIVE].figures.waits == "credit"


def test_rows_of_another_database_are_another_stream() -> None:
    one = site(30)
    one.run(5)
    one.rows = Numbers(epoch="e2", last=20)
    one.start()
    one.run(5)
    assert one.numbers(LIVE) == one.rows.wanted()
    assert numbered(one, LIVE)


def test_the_batch_on_its_way_outlives_its_database() -> None:
    one = site(30)
    one.cloud.faults.append(LOST_REQUEST)
    cut(one)
    old = one.stream(LIVE)
    one.rows = Numbers(epoch="e2", last=20)
    one.start()
    one.run(60)
    assert len(one.cloud.rows[old]) == 24
    assert one.numbers(LIVE) == one.rows.wanted()
