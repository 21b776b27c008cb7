from gateway.core.purses import Budget, Purse

DAY_MS = 86_400_000


def test_what_is_spent_is_refused_until_the_next_day():
    purse = Purse(Budget(2, 1_000))
    purse.look(0, clock_ok=True)
    assert purse.refusal(100) == ""
    purse.spend(1, 100)
    purse.spend(1, 100)
    assert purse.refusal() == "its 2 calls of today are spent"
    purse.look(DAY_MS - 1, clock_ok=True)
    assert purse.left.calls == 0
    purse.look(DAY_MS, clock_ok=True)
    assert purse.left == Budget(2, 1_000)


def test_bytes_are_bounded_too_and_what_never_left_is_given_back():
    purse = Purse(Budget(10, 1_000))
    purse.look(0, clock_ok=True)
    purse.spend(1, 900)
    assert purse.refusal(100) == "its 1000 bytes of today are spent"
    purse.spend(-1, -900)
    assert purse.refusal(100) == ""
    assert purse.left.calls == 10


def test_a_clock_that_is_not_believed_begins_no_day():
    purse = Purse(Budget(1, 1_000))
    purse.look(20 * DAY_MS, clock_ok=True)
    purse.spend(1, 1)
    purse.look(0, clock_ok=False)
    assert purse.refusal()
    purse.look(19 * DAY_MS, clock_ok=True)
    assert not purse.refusal()


def test_it_survives_a_restart_and_nonsense_is_left_alone():
    purse = Purse(Budget(2, 1_000))
    purse.look(0, clock_ok=True)
    purse.spend(2, 5)
    after = Purse(Budget(2, 1_000))
    for text in ("", "[]", '{"day": 1}', "null"):
        after.restore(text)
        assert after.left.calls == 2
    after.restore(purse.to_json())
    after.look(1, clock_ok=True)
    assert after.refusal()
