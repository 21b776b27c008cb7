from hypothesis import given
from hypothesis import strategies as st

from gateway.core.framecounts import DEVICES, FrameCounts


def test_the_oldest_device_is_forgotten_first():
    counts = FrameCounts()
    for number in range(DEVICES + 1):
        counts.missed(str(number), "s", 1, 0)
    assert counts.missed("0", "s", 5, 0) is None
    assert counts.missed(str(DEVICES), "s", 5, 0) == 3


def test_lost_frames_do_not_stretch_the_interval():
    counts = FrameCounts()
    counts.missed("d", "s", 0, 0)
    counts.missed("d", "s", 4, 40_000)
    assert counts.interval_ms("d") == 10_000
    counts.missed("d", "s", 4, 90_000)  # repeated
    counts.missed("d", "s", 5, 40_000)  # in the same instant
    assert counts.interval_ms("d") == 10_000
    assert counts.interval_ms("other") is None
    counts.restart("other")


@given(st.sets(st.integers(0, 500), min_size=1))
def test_heard_and_missed_frames_add_up(heard):
    counts = FrameCounts()
    frames = sorted(heard)
    missed = [counts.missed("d", "s", frame, 0) or 0 for frame in frames]
    assert sum(missed) + len(frames) == frames[-1] - frames[0] + 1
