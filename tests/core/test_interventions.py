"""What people decided: how long it holds, and what it forbids, whatever the clocks do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import interventions_told
from gateway.core.interventions import (
    GATEWAY,
    MAINTENANCE,
    Alive,
    Intervention,
    Kind,
    Standing,
    higher,
    lower,
    resume,
)
from gateway.core.verdicts import Mode

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


def one(kind: Kind = Kind.HOLD, asset: str = "pump", **more) -> Intervention:
    fields = {"author": "anna", "reason": "", "at_ms": 10 * YEAR, "mono_ms": 0, "boot": "b1"}
    return Intervention(id="i1", kind=kind, asset=asset, **{**fields, "for_ms": HOUR, **more})


def standing(*ones: Intervention) -> Standing:
    made = Standing()
    for each in ones:
        made.put(each)
    return made


def test_a_hold_forbids_until_its_time_is_over_but_not_the_fail_safe() -> None:
    stands = standing(one())
    assert stands.forbids("pump", HOUR - 1) == "hold"
    assert stands.forbids("pump", HOUR - 1, fail_safe=True) == ""
    assert stands.forbids("pump", HOUR) == ""
    assert stands.forbids("other", 0) == ""


def test_maintenance_and_a_stop_forbid_the_fail_safe_too() -> None:
    worked = standing(one(Kind.MAINTENANCE, value=MAINTENANCE))
    assert worked.forbids("pump", 0, fail_safe=True) == "maintenance"
    assert worked.flags("pump", 0) == {MAINTENANCE}
    stopped = standing(
        one(Kind.STOP, GATEWAY, for_ms=None), one(Kind.MAINTENANCE, value=MAINTENANCE)
    )
    assert stopped.forbids("anything", 100 * YEAR, fail_safe=True) == "stopped"


def test_another_flag_forbids_nothing_by_itself() -> None:
    stands = standing(one(Kind.MAINTENANCE, value="cleaning"))
    assert stands.forbids("pump", 0) == ""
    assert stands.flags("pump", 0) == {"cleaning"}


def test_a_mode_is_that_of_the_policy_else_of_the_asset_else_of_the_file() -> None:
    stands = standing(
        one(Kind.MODE, value="shadow"), one(Kind.MODE, value="act", policy="pump/policy/1")
    )
    assert stands.mode("pump", "pump/policy/0", Mode.ACT, 0) is Mode.SHADOW
    assert stands.mode("pump", "pump/policy/1", Mode.ADVISE, 0) is Mode.ACT
    assert stands.mode("pump", "pump/policy/0", Mode.ACT, HOUR) is Mode.ACT
    assert stands.mode("other", "other/policy/0", Mode.ADVISE, 0) is Mode.ADVISE


@given(st.sampled_from(Mode), st.sampled_from(Mode), st.none() | st.sampled_from(Mode))
def test_the_mode_of_the_gateway_is_a_ceiling(
    ceiling: Mode, declared: Mode, own: Mode | None
) -> None:
    stands = standing(one(Kind.MODE, GATEWAY, value=ceiling.value))
    if own is not None:
        stands.put(one(Kind.MODE, value=own.value))
    mode = stands.mode("pump", "pump/policy/0", declared, 0)
    assert not higher(mode, ceiling)
    assert mode is lower(own or declared, ceiling)


def test_what_replaces_another_is_the_only_one() -> None:
    stands = standing(one())
    assert stands.put(one(for_ms=2 * HOUR)) == one()
    assert len(list(stands)) == 1
    assert stands.next_mono_ms() == 2 * HOUR
    assert stands.expired(2 * HOUR)
    assert stands.next_mono_ms() is None


# -- over restarts and reboots -------------------------------------------------------------------


def test_within_a_boot_only_the_monotonic_clock_counts() -> None:
    held = one()
    assert resume(held, "b1", HOUR - 1, None, 20 * YEAR) is held
    assert resume(held, "b1", HOUR, None, 0) is None


def test_after_a_reboot_a_hold_goes_on_with_the_time_that_was_left() -> None:
    again = resume(one(), "b2", 5_000, Alive("b1", HOUR // 2), None)
    assert again is not None
    assert again.left_ms(5_000) == HOUR // 2
    assert again.at_ms == one().at_ms


def test_a_hold_nobody_noted_the_time_of_has_all_of_it_left() -> None:
    for alive in (None, Alive("b0", 7 * HOUR)):
        again = resume(one(), "b2", 5_000, alive, None)
        assert again is not None
        assert again.left_ms(5_000) == HOUR


@given(
    st.sampled_from([Kind.HOLD, Kind.MAINTENANCE, Kind.ACKNOWLEDGE]),
    st.none() | st.integers(0, 100 * YEAR),
    st.integers(0, HOUR - 1),
)
def test_no_jump_of_a_clock_ends_or_prolongs_a_hold(
    kind: Kind, passed_ms: int | None, ran_ms: int
) -> None:
    again = resume(one(kind), "b2", 77, Alive("b1", ran_ms), passed_ms)
    assert again is not None
    assert again.left_ms(77) == HOUR - ran_ms


def test_a_mode_that_lets_act_ends_where_nobody_can_tell_how_long_it_was_dark() -> None:
    act = one(Kind.MODE, value="act")
    alive = Alive("b1", 1_000)
    assert resume(act, "b2", 5_000, alive, None) is None
    assert resume(act, "b2", 5_000, alive, HOUR) is None
    again = resume(act, "b2", 5_000, alive, HOUR // 2)
    assert again is not None
    assert again.left_ms(5_000) == HOUR // 2
    less = resume(one(Kind.MODE, value="advise"), "b2", 5_000, alive, None)
    assert less is not None


def test_a_stop_holds_over_everything() -> None:
    stop = one(Kind.STOP, GATEWAY, for_ms=None)
    assert resume(stop, "b9", 0, None, None) is stop
    assert not stop.over(1_000 * YEAR)


# -- kept and told -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_what_is_kept_comes_back_as_it_was(kind: Kind) -> None:
    held = replace(one(kind), reason="bläh", value="x", policy="p", for_ms=None)
    assert interventions_told.from_json(interventions_told.to_json(held)) == held


def test_an_asset_shows_what_holds_and_nothing_when_nothing_does() -> None:
    stands = standing(one(), one(Kind.ACKNOWLEDGE, value="d1"))
    told = interventions_told.of_asset(stands, "pump", ("d1",), 10 * YEAR, HOUR // 2)
    assert told["hold"] == {
        "author": "anna",
        "reason": "",
        "since": "1979-12-30T00:00:00.000Z",
        "until": "1979-12-30T00:30:00.000Z",
    }
    assert told["acknowledged"]
    two = interventions_told.of_asset(stands, "pump", ("d1", "d2"), 10 * YEAR, 0)
    assert two["acknowledged"] is None
    none = interventions_told.of_asset(Standing(), "pump", (), 0, 0)
    assert none == dict.fromkeys(none) | {"flags": []}


@given(st.integers(-YEAR, 10_000 * YEAR))
def test_a_clock_that_jumped_can_be_shown(now_ms: int) -> None:
    assert interventions_told.shown(one(at_ms=now_ms), now_ms, 0)


def test_what_was_decided_before_the_clock_was_right_is_shown_on_the_right_one() -> None:
    early = one(at_ms=0, mono_ms=1_000, clock_ok=False)
    told = interventions_told.shown(early, 50 * YEAR + HOUR, 1_000 + HOUR // 2)
    assert told is not None
    assert told["since"] == "2019-12-20T00:30:00.000Z"
    assert told["until"] == "2019-12-20T01:30:00.000Z"
