"""How far in the database a stream was, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import positions
from gateway.core.positions import MOST, Events, Gap, Place
from gateway.errors import DecodeError

NUMBERS = st.integers(0, MOST)
GAPS = st.builds(Gap, st.integers(1, MOST), NUMBERS, NUMBERS, st.integers(-MOST, MOST))


@given(st.builds(Events, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_a_position_of_events_is_read_as_it_was_written(at: Events) -> None:
    assert positions.events(str(at)) == at
    assert positions.queued(str(at)) == {"alert": at.alert, "health": at.health}


@given(st.builds(Place, NUMBERS, NUMBERS, NUMBERS, st.none() | GAPS))
def test_a_position_of_readings_is_read_as_it_was_written(at: Place) -> None:
    assert positions.place(str(at)) == at


def test_no_position_is_the_beginning() -> None:
    assert positions.events("") == Events()
    assert positions.place("") == Place()


@given(st.text(max_size=40))
def test_other_words_are_no_position(words: str) -> None:
    for read in (positions.events, positions.place):
        if words:
            with pytest.raises(DecodeError, match="position"):
                read(words)


@pytest.mark.parametrize(
    "words", ["report:99999999999999999999@0", "report:1", "report:1@2 ", "report:\u0661@0,"]
)
def test_numbers_that_no_row_has_are_no_position(words: str) -> None:
    with pytest.raises(DecodeError):
        positions.place(words)
