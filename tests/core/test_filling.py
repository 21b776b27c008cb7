"""How long what is free lasts, at the pace of the last hour."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.filling import ENOUGH_MS, LOOK_MS, SPAN_MS, Filling

STEPS_MS = st.integers(1, 20 * 60_000)
STEPS = st.lists(st.tuples(STEPS_MS, st.integers(-1_000_000, 1_000_000)), min_size=1, max_size=80)
FREE = st.integers(-1_000_000, 1 << 40)


def lived(filling: Filling, steps: list[tuple[int, int]], free: int) -> list[tuple[int, int]]:
    """(when, size) of everything noted; sizes never fall below 0."""
    at_ms, size, noted = 0, 0, []
    for pause_ms, more in steps:
        filling.note(at_ms, size, free)
        noted.append((at_ms, size))
        at_ms, size = at_ms + pause_ms, max(0, size + more)
    filling.note(at_ms, size, free)
    return [*noted, (at_ms, size)]


@given(st.lists(STEPS_MS, min_size=1, max_size=80), st.integers(1, 1_000), FREE)
def test_at_a_steady_pace_it_lasts_as_long_as_that_pace_needs(
    pauses: list[int], bytes_per_ms: int, free: int
) -> None:
    filling, at_ms = Filling(), 0
    told = filling.note(0, 0, free)
    for pause_ms in pauses:
        at_ms += pause_ms
        told = filling.note(at_ms, at_ms * bytes_per_ms, free)
    if at_ms < ENOUGH_MS:
        assert told is None
    else:
        assert told == max(0, free) // bytes_per_ms // 1000


@given(STEPS, FREE)
def test_ten_minutes_of_growth_are_what_it_takes(steps: list[tuple[int, int]], free: int) -> None:
    filling = Filling()
    for at_ms, size in lived(Filling(), steps, free):
        told = filling.note(at_ms, size, free)
        assert told is None or (at_ms >= ENOUGH_MS and told >= 0)


@given(STEPS, FREE, st.integers(0, 1 << 40))
def test_more_room_never_lasts_less_long(
    steps: list[tuple[int, int]], free: int, more: int
) -> None:
    narrow, wide = Filling(), Filling()
    for at_ms, size in lived(Filling(), steps, free):
        one, other = narrow.note(at_ms, size, free), wide.note(at_ms, size, free + more)
        assert (one is None) == (other is None)
        assert one is None or other is None or one <= other


@given(STEPS, FREE)
def test_what_came_before_the_last_hour_does_not_count(
    steps: list[tuple[int, int]], free: int
) -> None:
    old, young = Filling(), Filling()
    at_ms, size = lived(old, steps, free)[-1]
    since_ms = at_ms + SPAN_MS + 1
    for minute in range(61):
        now_ms, now = since_ms + minute * LOOK_MS, size + minute * minute
        assert old.note(now_ms, now, free) == young.note(now_ms, now, free)


@given(STEPS)
def test_no_more_than_an_hour_is_remembered(steps: list[tuple[int, int]]) -> None:
    filling = Filling()
    lived(filling, steps, 0)
    assert len(filling._sizes) <= SPAN_MS // LOOK_MS + 1


def test_it_never_fills_while_it_does_not_grow_and_at_once_when_nothing_is_free() -> None:
    filling = Filling()
    filling.note(0, 100, 1_000)
    assert filling.note(ENOUGH_MS, 100, 1_000) is None
    assert filling.note(ENOUGH_MS + LOOK_MS, 90, 1_000) is None
    assert filling.note(SPAN_MS, 700, 0) == 0
    assert filling.note(SPAN_MS, 700, -5) == 0
    assert filling.note(SPAN_MS, 700, 600) == SPAN_MS // 1000
