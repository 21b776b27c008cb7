"""Blocks: the windows of models that take signals."""

from array import array
from copy import deepcopy
from math import isnan

import pytest

from gateway.core.blocks import Blocks
from gateway.core.messages import Reason
from gateway.core.shapes import Channel, Shape
from gateway.core.signals import Signal
from gateway.core.windows import Window

LENGTH = 32
SHAKE = Channel("shake", "m/s2", hold_ms=10_000, rate_hz=1000.0)
SPEED = Channel("speed", "rpm", hold_ms=5_000, low=60, high=5_000)


def shape(*channels: Channel, stride: int = 1) -> Shape:
    return Shape(channels or (SHAKE, SPEED), period_ms=1_000, length=LENGTH, stride=stride)


def signal(first: int = 0, count: int = LENGTH, rate_hz: float = 1000.0) -> Signal:
    return Signal.of(array("f", [float((first + at) % 11) for at in range(count)]), rate_hz)


def only(windows: list[Window]) -> Window:
    (window,) = windows
    return window


def test_a_block_is_a_window_with_the_speed_in_every_row() -> None:
    blocks = Blocks(shape())
    assert not blocks.take(1, 1_000, 1500.0)
    window = only(blocks.take_signal(0, 1_500, signal()))
    assert (window.end_ms, window.abstained, window.coverage) == (1_500, "", 1.0)
    assert list(window.values[0::2]) == list(signal().samples)
    assert list(window.values[1::2]) == [1500.0] * LENGTH
    assert window.newest == (signal().rms, 1500.0)


def test_of_a_longer_block_the_newest_samples_count() -> None:
    blocks = Blocks(shape(SHAKE))
    window = only(blocks.take_signal(0, 0, signal(count=100)))
    assert list(window.values) == list(signal(count=100).samples[-LENGTH:])


def test_samples_are_converted_to_the_unit_of_the_channel() -> None:
    blocks = Blocks(shape(SHAKE))
    window = only(blocks.take_signal(0, 0, signal(), 2.0, 1.0))
    assert list(window.values) == [2.0 * one + 1.0 for one in signal().samples]
    assert window.newest == (2.0 * signal().rms,)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (signal(rate_hz=6000.0), "signal shake: expected 1000 Hz, found 6000 Hz"),
        (signal(count=20), "signal shake: expected 32 samples, found 20"),
    ],
)
def test_a_block_that_does_not_fit_says_what_was_expected(block: Signal, why: str) -> None:
    blocks = Blocks(shape(SHAKE))
    window = only(blocks.take_signal(0, 0, block))
    assert (window.abstained, list(window.values)) == (why, [])
    assert only(blocks.take_signal(0, 1, signal())).abstained == ""


def test_without_its_speed_a_block_is_a_gap() -> None:
    blocks = Blocks(shape())
    assert only(blocks.take_signal(0, 1_500, signal())).abstained == "gap speed: silent"
    blocks.take(1, 1_600, 1500.0)
    assert only(blocks.take_signal(0, 2_000, signal())).abstained == ""
    assert only(blocks.take_signal(0, 9_000, signal())).abstained == "gap speed: stale"
    blocks.take(1, 9_100, 7_000.0)
    assert only(blocks.take_signal(0, 9_200, signal())).abstained == "bad speed: range"


def test_a_bad_block_says_so_and_nothing_older_stands_in_for_it() -> None:
    blocks = Blocks(shape(SHAKE))
    blocks.take_signal(0, 0, signal())
    window = only(blocks.refuse_signal(0, Reason.FLATLINE, 1_000))
    assert (window.abstained, list(window.values)) == ("bad shake: flatline", [])
    assert blocks.bad == "shake: flatline"
    assert only(blocks.take_signal(0, 2_000, signal())).abstained == ""


def test_a_suspect_block_makes_nothing_due() -> None:
    blocks = Blocks(shape(SHAKE))
    assert blocks.refuse_signal(0, Reason.CROSS, 0) == []


def test_silence_is_said_once_it_is_too_long_and_then_every_period() -> None:
    blocks = Blocks(shape(SHAKE))
    assert (blocks.closes_ms, blocks.advance(99_000)) == (None, [])
    blocks.take_signal(0, 1_000, signal())
    assert blocks.advance(11_000) == []
    assert blocks.closes_ms == 11_001
    assert only(blocks.advance(11_001)).abstained == "gap shake: stale"
    assert blocks.advance(11_500) == []
    assert only(blocks.advance(12_001)).abstained == "gap shake: stale"
    assert only(blocks.take_signal(0, 12_500, signal())).abstained == ""


def test_two_signals_are_judged_when_both_are_there() -> None:
    other = Channel("other", "g", hold_ms=10_000, rate_hz=1000.0)
    blocks = Blocks(shape(SHAKE, other))
    assert blocks.take_signal(0, 0, signal()) == []
    window = only(blocks.take_signal(1, 100, signal(3)))
    assert list(window.values[1::2]) == list(signal(3).samples)
    assert blocks.take_signal(1, 200, signal()) == []
    assert only(blocks.advance(10_201)).abstained == "gap shake: stale"


def test_an_optional_signal_that_is_missing_is_filled() -> None:
    other = Channel("other", "g", required=False, fill=0.0, rate_hz=1000.0)
    blocks = Blocks(shape(SHAKE, other))
    window = only(blocks.take_signal(0, 0, signal()))
    assert list(window.values[1::2]) == [0.0] * LENGTH


def test_the_stride_counts_blocks() -> None:
    blocks = Blocks(shape(SHAKE, stride=3))
    due = [bool(blocks.take_signal(0, at, signal())) for at in range(6)]
    assert due == [False, False, True, False, False, True]


def test_samples_outside_the_channel_s_range_are_not_taken() -> None:
    blocks = Blocks(shape(Channel("shake", "m/s2", high=9.0, rate_hz=1000.0)))
    assert blocks.take_signal(0, 0, signal()) == []
    assert blocks.latest().abstained == "bad shake: range"


def test_a_late_block_is_counted_and_a_clock_set_back_begins_anew() -> None:
    blocks = Blocks(shape(SHAKE))
    blocks.take_signal(0, 50_000, signal())
    assert blocks.take_signal(0, 49_000, signal(5)) == []
    assert blocks.late == 1
    assert only(blocks.take_signal(0, 1_000, signal(5))).end_ms == 1_000


def test_a_copy_goes_on_by_itself() -> None:
    blocks = Blocks(shape(SHAKE))
    blocks.take_signal(0, 0, signal())
    other = deepcopy(blocks)
    blocks.refuse(0, Reason.RAIL)
    assert other.latest().abstained == ""
    assert other.rows == LENGTH


def test_an_empty_one_says_so() -> None:
    blocks = Blocks(shape())
    window = blocks.latest()
    assert window.abstained == "gap shake: silent"
    assert all(map(isnan, window.newest))
    assert (blocks.rows, blocks.span_ms, blocks.reach_ms) == (0, 32, 10_000)
