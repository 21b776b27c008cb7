"""Credit: a rate shared by those who send."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.receiver.credit import BURST_S, LATELY_MS, Credit


def test_without_a_rate_nobody_is_told_one() -> None:
    assert Credit(None).grant("a", 1_000_000, 0) == (None, 0.0)
    assert Credit(None).debt_s("a", 0) == 0.0


def test_the_rate_is_shared_by_those_who_sent_lately() -> None:
    credit = Credit(1_000)
    assert credit.grant("a", 10, 0)[0] == 1_000
    assert credit.grant("b", 10, 1)[0] == 500
    assert credit.grant("a", 10, 2)[0] == 500
    assert credit.grant("a", 10, LATELY_MS + 1)[0] == 1_000


def test_one_that_sends_on_regardless_is_told_to_wait() -> None:
    credit = Credit(100)
    assert credit.grant("a", 1_000, 0) == (100, 0.0)
    assert credit.grant("a", 500, 0) == (100, 5.0)
    assert credit.debt_s("a", 0) == 5.0
    assert credit.debt_s("a", 5_000) == 0.0


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 1_000)), max_size=60))
def test_who_waits_as_told_never_gets_more_than_the_rate_and_the_burst(
    sent: list[tuple[int, int]],
) -> None:
    credit, now_ms, rows, last = Credit(1_000), 0, 0, 0
    for count, pause_ms in sent:
        now_ms += pause_ms
        assert credit.debt_s("a", now_ms) == 0.0
        _, wait_s = credit.grant("a", count, now_ms)
        rows, last = rows + count, max(last, count)
        assert rows <= 1_000 * (now_ms / 1_000 + BURST_S) + last + 1
        now_ms += int(wait_s * 1_000) + 1
