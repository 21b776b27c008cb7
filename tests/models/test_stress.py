"""Disturbances do what they say, and nothing else."""

from array import array

import pytest

from gateway.models.stress import BIAS_SD, DROPPED, channels, disturbances

LONG = [array("d", [value for row in range(50) for value in (row * 1.0, 7.0)]) for _ in range(2)]


def by_kind(kind, windows=LONG):
    usual = channels(windows, ["moving", "still"])
    return usual, [one for one in disturbances(windows, usual) if one.kind == kind]


def test_a_channel_that_never_moves_still_has_a_spread():
    moving, still = channels(LONG, ["moving", "still"])
    assert (still.usual, still.sd) == (7.0, pytest.approx(0.35))
    assert moving.usual == 24.5


def test_a_bias_moves_one_channel_alone():
    usual, biased = by_kind("bias")
    assert [one.channel for one in biased] == ["moving", "still"]
    window = biased[0].windows[0]
    assert window[1::2] == LONG[0][1::2]
    assert window[0] == pytest.approx(LONG[0][0] + BIAS_SD * usual[0].sd)


def test_a_spoofed_channel_says_what_is_usual():
    _, spoofed = by_kind("spoof")
    assert set(spoofed[0].windows[1][0::2]) == {24.5}
    assert spoofed[0].windows[1][1::2] == LONG[1][1::2]


def test_lost_rows_hold_the_last_one_and_keep_the_window_s_size():
    _, dropped = by_kind("dropout")
    rows = list(dropped[0].windows[0][0::2])
    assert len(rows) == 50
    assert rows == sorted(rows)
    lost = sum(found != kept for one in dropped for window in one.windows
               for found, kept in zip(window[0::2], LONG[0][0::2], strict=True))  # fmt: skip
    assert lost / (len(dropped) * len(LONG) * 50) == pytest.approx(DROPPED, abs=0.08)


def test_noise_is_the_same_for_the_same_seed():
    usual = channels(LONG, ["moving", "still"])
    first, again = (list(disturbances(LONG, usual, seed=4)) for _ in range(2))
    assert first == again
    assert first != list(disturbances(LONG, usual, seed=5))
