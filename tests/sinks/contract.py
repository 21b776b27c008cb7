"""What every sink keeps to, as one suite, for the real ones beside their receivers and the fake.

A sink's test file makes a ``Rig`` and runs what its abilities allow::

    @pytest.mark.parametrize("check", contract.checks(contract.KNOWS, contract.STOPS))
    def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
        check(rig)

Sinks that are plugged in may use it, too.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any, Protocol
from uuid import uuid4

import pytest

from gateway.core.batches import Batch, Cursor, Lane, Row, Stream, pack
from gateway.core.sink_ports import Sink
from gateway.errors import SinkGapError, SinkRefusedError, SinkUnavailableError
from tests.fakes.waiting import wait_until

KNOWS = "knows"
"""The receiver has a cursor; without it only what is sent is looked at."""
REFUSES = "refuses"
"""The receiver refuses ``Rig.bad_row()`` and takes its neighbours."""
STOPS = "stops"
"""``Rig.stop()`` ends the receiver without warning, ``Rig.start()`` starts it again."""
LOSES = "loses"
"""``Rig.losing()``: the next batch is taken, and its answer is lost."""
FENCES = "fences"
"""A newer sender of a stream shuts out the older one, so two are never at it at once."""
LOCKS = "locks"
"""``Rig.stranger(stream)`` has the wrong credentials."""

_SHARES = "shares"

AT_MS = 1_766_000_000_000


class Rig(Protocol):
    """One kind of sink beside its receiver; every test has streams of its own."""

    def sink(self, stream: Stream) -> Sink:
        """A sink that is let in."""
        ...

    def rows(self, stream: Stream) -> list[Row]:
        """What the receiver holds, in its own order: ``seq``, ``at_ms``, ``asset``, ``value``."""
        ...

    def stranger(self, stream: Stream) -> Sink:
        """A sink that is not let in."""
        ...

    def bad_row(self) -> Row:
        """A row that the receiver refuses."""
        ...

    def losing(self) -> AbstractContextManager[object]:
        """While it lasts, batches arrive and answers do not."""
        ...

    def stop(self) -> None:
        """End the receiver, without warning."""
        ...

    def start(self) -> None:
        """Start it again, with all that it held durably."""
        ...


Check = Callable[[Rig], None]
_CHECKS: list[tuple[frozenset[str], Check]] = []


def checks(*abilities: str) -> list[Any]:
    """The checks that a sink with these abilities passes, for ``parametrize``."""
    able = frozenset(abilities if FENCES in abilities else (*abilities, _SHARES))
    return [pytest.param(check, id=check.__name__) for needs, check in _CHECKS if needs <= able]


def needing(*abilities: str) -> Callable[[Check], Check]:
    def kept(check: Check) -> Check:
        _CHECKS.append((frozenset(abilities), check))
        return check

    return kept


# -- what is sent ---------------------------------------------------------------------------------


def new_stream(lane: str = Lane.LIVE, gateway: str = "north") -> Stream:
    """A stream that nobody has seen."""
    return Stream(gateway, uuid4().hex[:16], lane)


def reading(number: int, **more: Any) -> Row:
    """A row as the gateway makes it, different for every number."""
    return {
        "kind": "reading",
        "asset": f"pump-{number % 7}",
        "source": "zigbee",
        "device": "0x00158d0001",
        "metric": "power",
        "unit": "W",
        "value": number + 0.25,
        "reason": "ok",
        "at_ms": AT_MS + number * 10,
        "received_at_ms": AT_MS + number * 10 + 3,
        "clock": 1,
        **more,
    }


def cut(stream: Stream, after: int, count: int = 3, **at: Row) -> Batch:
    """A batch of readings; ``at`` replaces rows by their place, ``row_1=...``."""
    rows = [reading(seq) for seq in range(after + 1, after + count + 1)]
    for place, row in at.items():
        rows[int(place.removeprefix("row_"))] = row
    return pack(stream, after, rows, f"report:{(after + count) * 10}")


def seqs(rig: Rig, stream: Stream) -> list[int]:
    return [row["seq"] for row in rig.rows(stream)]


def wait_for_rows(rig: Rig, stream: Stream, count: int) -> None:
    """Receivers that acknowledge before they write need a moment."""
    wait_until(lambda: len(rig.rows(stream)) >= count, f"{count} rows of {stream}")


@contextmanager
def opened(rig: Any, stream: Stream, /, **settings: Any) -> Iterator[Any]:
    """A sink of a rig, connected; ``settings`` for rigs that take some."""
    with closing(rig.sink(stream, **settings)) as sink:
        sink.cursor()
        yield sink


def patiently(sink: Sink) -> Cursor | None:
    """Open it as soon as the receiver is back."""
    found: list[Cursor | None] = []

    def opens() -> bool:
        try:
            found.append(sink.cursor())
        except SinkUnavailableError:
            return False
        return True

    wait_until(opens, "the receiver is back")
    return found[0]


# -- every sink -----------------------------------------------------------------------------------


@needing()
def rows_arrive_once_and_in_order(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        for after in range(0, 12, 3):
            batch = cut(stream, after)
            assert sink.send(batch).cursor == batch.header.cursor
    wait_for_rows(rig, stream, 12)
    assert seqs(rig, stream) == list(range(1, 13))


@needing()
def rows_arrive_as_they_were(rig: Rig) -> None:
    stream = new_stream()
    sent = reading(1, asset="Pumpe \u00e4 \U0001f527 'q' \\ \t", value=-1.5e-300)
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0, 1, row_0=sent))
    wait_for_rows(rig, stream, 1)
    (row,) = rig.rows(stream)
    assert {name: row[name] for name in ("seq", "asset", "value", "at_ms")} == {
        "seq": 1,
        "asset": sent["asset"],
        "value": sent["value"],
        "at_ms": sent["at_ms"],
    }


@needing()
def lanes_do_not_disturb_each_other(rig: Rig) -> None:
    streams = [new_stream(lane) for lane in Lane]
    with ExitStack() as stack:
        sinks = [stack.enter_context(opened(rig, stream)) for stream in streams]
        for after, (stream, sink) in itertools.product((0, 3), zip(streams, sinks, strict=True)):
            assert sink.send(cut(stream, after)).cursor.seq == after + 3
    for stream in streams:
        wait_for_rows(rig, stream, 6)
        assert seqs(rig, stream) == list(range(1, 7))


@needing()
def many_rows_in_one_batch(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        assert sink.send(cut(stream, 0, 5_000)).cursor.seq == 5_000
    wait_for_rows(rig, stream, 5_000)
    assert seqs(rig, stream) == list(range(1, 5_001))


@needing()
def every_kind_of_row_is_taken(rig: Rig) -> None:
    stream = new_stream(Lane.EVENTS)
    kinds = [
        {**reading(1), "value": None, "reason": "range"},
        {"kind": "reading_1m", "n": 60, "low": 1.0, "mean": 2.0, "high": 3.0, "last": 2.5},
        {"kind": "reading_1h", "n": 3600, "low": 1.0, "mean": 2.0, "high": 3.0},
        {"kind": "gap", "from_position": "report:1", "to_position": "report:9", "rows": 8},
        {"kind": "decision", "audit_seq": 7, "body": {"level": "warn", "text": "a\u00fcb"}},
        {"kind": "checkpoint", "body": {"seq": 9, "hash": "ab"}},
        {"kind": "alert", "body": {"notice": "alert", "text": "Pump 7"}},
        {"kind": "health", "body": {"state": "ok", "rows": [1, 2, {"a": None}]}},
        {"kind": "tomorrow", "what": "nobody knows yet"},
    ]
    known = {"asset": "pump-7", "source": "z", "device": "d", "metric": "power", "unit": "W"}
    rows = [
        {**(known if "reading" in row["kind"] else {"asset": "pump-7"}), "at_ms": AT_MS, **row}
        for row in kinds
    ]
    with opened(rig, stream) as sink:
        answer = sink.send(pack(stream, 0, rows, "audit:9"))
    assert answer.cursor == Cursor(len(rows), "audit:9")
    assert not answer.refused


@needing()
def close_may_come_at_any_time_and_more_than_once(rig: Rig) -> None:
    stream = new_stream()
    rig.sink(stream).close()
    sink = rig.sink(stream)
    sink.cursor()
    sink.close()
    sink.close()
    with pytest.raises(SinkUnavailableError):
        sink.send(cut(stream, 0))


@needing()
def close_while_another_thread_sends_ends_the_sending(rig: Rig) -> None:
    stream = new_stream()
    sink = rig.sink(stream)
    sink.cursor()
    outcome: list[object] = []

    def go_on() -> None:
        try:
            outcome.extend(sink.send(cut(stream, after)) for after in itertools.count(0, 3))
        except SinkUnavailableError as error:
            outcome.append(error)

    sending = threading.Thread(target=go_on)
    sending.start()
    wait_until(lambda: len(outcome) > 2, "it sends")
    sink.close()
    sending.join(30)
    assert not sending.is_alive()
    assert isinstance(outcome[-1], SinkUnavailableError)


@needing()
def a_closed_sink_may_be_opened_again(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        sink.close()
        sink.cursor()
        assert sink.send(cut(stream, 3)).cursor.seq == 6
    wait_for_rows(rig, stream, 6)
    assert seqs(rig, stream) == list(range(1, 7))


# -- receivers with a cursor ----------------------------------------------------------------------


@needing(KNOWS)
def a_new_stream_begins_at_nothing(rig: Rig) -> None:
    with closing(rig.sink(new_stream())) as sink:
        assert sink.cursor() == Cursor()
        assert sink.cursor() == Cursor()


@needing(KNOWS)
def the_cursor_is_that_of_the_last_batch(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        sink.send(cut(stream, 3, 2))
    with closing(rig.sink(stream)) as another:
        assert another.cursor() == Cursor(5, "report:50")


@needing(KNOWS)
def the_same_bytes_again_change_nothing(rig: Rig) -> None:
    stream = new_stream()
    first, second = cut(stream, 0), cut(stream, 3)
    with opened(rig, stream) as sink:
        answers = [sink.send(batch) for batch in (first, first, second, second)]
        assert [answer.cursor.seq for answer in answers] == [3, 3, 6, 6]
        assert sink.send(first).cursor.seq >= 3
    assert seqs(rig, stream) == list(range(1, 7))


@needing(KNOWS)
def another_process_may_send_the_same_bytes_again(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    for _ in range(2):
        with opened(rig, stream) as sink:
            assert sink.send(batch).cursor == batch.header.cursor
    assert seqs(rig, stream) == [1, 2, 3]


@needing(KNOWS)
def a_gap_is_told_with_the_cursor(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        with pytest.raises(SinkGapError) as told:
            sink.send(cut(stream, 7))
        assert (told.value.seq, told.value.position) == (3, "report:30")
        assert sink.cursor() == Cursor(3, "report:30")
        assert sink.send(cut(stream, 3)).cursor.seq == 6
    assert seqs(rig, stream) == list(range(1, 7))


@needing(KNOWS)
def a_batch_that_overlaps_is_a_gap(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        with pytest.raises(SinkGapError) as told:
            sink.send(cut(stream, 1))
        assert told.value.seq == 3
    assert seqs(rig, stream) == [1, 2, 3]


@needing(KNOWS)
def another_epoch_is_another_stream(rig: Rig) -> None:
    old, new = new_stream(), new_stream()
    for stream in (old, new):
        with opened(rig, stream) as sink:
            assert sink.send(cut(stream, 0)).cursor.seq == 3
    with closing(rig.sink(old)) as sink:
        assert sink.cursor() == Cursor(3, "report:30")
    assert seqs(rig, new) == seqs(rig, old) == [1, 2, 3]


@needing(KNOWS)
def names_with_anything_in_them_are_streams_of_their_own(rig: Rig) -> None:
    names = ["plant.1 > *", "plant/1", "plant%2F1 \u00e4"]
    epoch = new_stream().epoch
    streams = [new_stream(gateway=name)._replace(epoch=epoch) for name in names]
    for number, stream in enumerate(streams, 1):
        with closing(rig.sink(stream)) as sink:
            assert sink.cursor() == Cursor()
            sink.send(cut(stream, 0, number))
    for number, stream in enumerate(streams, 1):
        with closing(rig.sink(stream)) as sink:
            assert sink.cursor() == Cursor(number, f"report:{number * 10}")


@needing(KNOWS, _SHARES)
def of_two_senders_of_one_stream_one_is_told_of_the_gap(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as one, opened(rig, stream) as other:
        one.send(cut(stream, 0, 3))
        with pytest.raises(SinkGapError) as told:
            other.send(cut(stream, 0, 5))
        assert told.value.seq == 3
    assert seqs(rig, stream) == [1, 2, 3]


@needing(KNOWS, _SHARES)
def two_senders_at_the_same_time_store_nothing_twice(rig: Rig) -> None:
    stream = new_stream()
    batches = [cut(stream, after) for after in range(0, 30, 3)]

    def go_on() -> None:
        with opened(rig, stream) as sink:
            for batch in batches:
                sink.send(batch)

    senders = [threading.Thread(target=go_on) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert seqs(rig, stream) == list(range(1, 31))


@needing(KNOWS, LOSES)
def a_lost_answer_is_asked_for_again(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    with opened(rig, stream) as sink:
        with rig.losing(), pytest.raises(SinkUnavailableError):
            sink.send(batch)
        assert patiently(sink) in (Cursor(), Cursor(3, "report:30"))
        assert sink.send(batch).cursor == Cursor(3, "report:30")
    assert seqs(rig, stream) == [1, 2, 3]


@needing(KNOWS, STOPS)
def what_was_answered_outlives_the_receivers_death(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        rig.stop()
        with pytest.raises(SinkUnavailableError):
            sink.send(cut(stream, 3))
        with pytest.raises(SinkUnavailableError):
            sink.cursor()
        rig.start()
        assert patiently(sink) == Cursor(3, "report:30")
        assert sink.send(cut(stream, 3)).cursor.seq == 6
    assert seqs(rig, stream) == list(range(1, 7))


@needing(LOCKS)
def wrong_credentials_do_not_get_in_and_say_so(rig: Rig) -> None:
    stream = new_stream()

    def enter(stranger: Sink) -> None:
        stranger.cursor()
        stranger.send(cut(stream, 0))

    with closing(rig.stranger(stream)) as stranger, pytest.raises(SinkUnavailableError) as told:
        enter(stranger)
    assert str(told.value)
    assert seqs(rig, stream) == []


# -- receivers that look into the rows ------------------------------------------------------------


@needing(KNOWS, REFUSES)
def a_refused_row_does_not_keep_its_neighbours(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0, 5, row_2=rig.bad_row())
    with opened(rig, stream) as sink:
        answer = sink.send(batch)
        assert answer.cursor == batch.header.cursor
        assert [row.seq for row in answer.refused] == [3]
        assert answer.refused[0].reason
        assert sink.send(batch).refused == answer.refused
        assert not sink.send(cut(stream, 5)).refused
    assert seqs(rig, stream) == [1, 2, 4, 5, 6, 7, 8]


@needing(KNOWS, REFUSES)
def a_batch_of_refused_rows_moves_the_cursor(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        answer = sink.send(cut(stream, 0, 1, row_0=rig.bad_row()))
        assert (answer.cursor.seq, [row.seq for row in answer.refused]) == (1, [1])
        assert sink.send(cut(stream, 1)).cursor.seq == 4


@needing(KNOWS, REFUSES)
def bytes_that_are_no_batch_are_refused(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    with opened(rig, stream) as sink:
        with pytest.raises(SinkRefusedError):
            sink.send(Batch(batch.header, batch.payload[:-9]))
        assert sink.cursor() == Cursor()
        assert sink.send(batch).cursor.seq == 3
