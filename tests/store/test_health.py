"""How long a database has until it is full, as it grew so far."""

import pytest

from gateway.store.batch import TELLING_MS, StoreHealth

DAY_MS = 86_400_000


def health(used: int, oldest_at_ms: int | None, newest_at_ms: int | None) -> StoreHealth:
    return StoreHealth("ok", used, 0, 0, True, {}, oldest_at_ms, newest_at_ms, 0)


@pytest.mark.parametrize(
    ("used", "span_ms", "left_s"),
    [
        (100, DAY_MS, 9 * 86_400),
        (1_000, DAY_MS, 0),
        (1_200, DAY_MS, 0),
        (100, TELLING_MS - 1, None),
        (0, DAY_MS, 86_400_000),
    ],
)
def test_what_is_left_takes_as_long_as_what_is_there_took(
    used: int, span_ms: int, left_s: int | None
) -> None:
    assert health(used, 1_000, 1_000 + span_ms).full_in_s(1_000) == left_s


def test_an_empty_database_tells_nothing() -> None:
    assert health(4_096, None, None).full_in_s(1_000_000) is None
