"""Counts in words."""

import pytest

from gateway.core.counts import counted


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 devices"),
        (1, "1 device"),
        (2, "2 devices"),
        (1_000, "1000 devices"),
        (None, "None devices"),
    ],
)
def test_only_one_is_told_in_the_singular(count: int | None, words: str) -> None:
    assert counted(count, "device") == words


def test_a_word_may_have_a_plural_of_its_own_and_bring_its_verb() -> None:
    told = [counted(n, "row is kept", "rows are kept") for n in (0, 1, 2)]
    assert told == ["0 rows are kept", "1 row is kept", "2 rows are kept"]
