"""Positions in our own words, and what a receiver's cursor means."""

import pytest
from hypothesis import given, strategies

from gateway.core.batches import Cursor, Header, Stream
from gateway.core.sync_cursors import Case, compare
from gateway.core.sync_places import Place, Span, read

WORD = strategies.from_regex(r"report:[0-9]{1,6}@[0-9]{1,6}", fullmatch=True)
SPAN = strategies.builds(Span, strategies.integers(1, 99), WORD | strategies.just(""), WORD)
PLACE = strategies.builds(
    Place,
    WORD | strategies.just(""),
    strategies.integers(0, 99),
    strategies.lists(SPAN, max_size=4).map(tuple),
)


@given(PLACE)
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert read(str(place)) == place


@given(strategies.text(max_size=60))
def test_a_text_is_a_place_or_a_value_error(text: str) -> None:
    try:
        place = read(text)
    except ValueError:
        return
    assert read(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [" jumps:1", "report:1 jumps:x", "report:1 jumps:1 what", "report:1 jumps:1 1=a", "a b c"],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        read(text)


def test_backfill_owes_what_it_has_left_and_every_later_span() -> None:
    spans = [Span(number, "", f"r:{number}") for number in (1, 2, 3)]
    left = Span(1, "r:0", "r:1")
    assert Place("r:2", 2, (left,)).owed(spans) == (left, spans[2])


KEPT = Header(Stream("n", "e", "live"), 10, 11, 20, "there")


@pytest.mark.parametrize(
    ("kept", "cursor", "marked", "case"),
    [
        (None, None, None, Case.SAME),
        (None, Cursor(10, "p"), None, Case.SAME),
        (KEPT, Cursor(10, "p"), None, Case.SAME),
        (KEPT, Cursor(20, "there"), None, Case.TAKEN),
        (KEPT, Cursor(15), None, Case.PART),
        (KEPT, Cursor(25, "p"), None, Case.AHEAD),
        (None, Cursor(25, "p"), None, Case.AHEAD),
        (None, Cursor(25), None, Case.ANEW),
        (KEPT, Cursor(4), "marked", Case.BEHIND),
        (None, Cursor(4, "p"), None, Case.BEHIND),
        (None, Cursor(4), None, Case.ANEW),
        (None, Cursor(0), "", Case.BEHIND),
        (None, Cursor(0), None, Case.ANEW),
    ],
)
def test_what_a_cursor_means(
    kept: Header | None, cursor: Cursor | None, marked: str | None, case: Case
) -> None:
    assert compare(10, kept, cursor, marked) is case
