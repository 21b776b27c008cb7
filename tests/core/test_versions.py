"""Laws of a model's versions: one judges, whatever happens, and a restart goes on with it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import lineages
from gateway.core.lineages import NotNowError
from gateway.core.trials import Rules, Tally, compared, proved
from gateway.core.versions import (
    JUDGING,
    TRANSITIONS,
    TRIED,
    Lineage,
    State,
    Step,
    Version,
    changes,
)
from gateway.errors import IllegalTransitionError

RULES = Rules(windows=10, probation=10, alarm_high=0.2)
AUTO = Rules(windows=10, probation=10, alarm_high=0.2, auto=True)


def version(name: str) -> Version:
    return Version(name * 8, f"{name}.0.0", f"/models/{name}")


def first(rules: str = "r") -> Lineage:
    return lineages.declare(Lineage("pump"), version("1"), version("2"), rules, 1)


def seen(label: str, other: str = "normal", windows: int = 10, took_ms: float = 1.0) -> Tally:
    tally = Tally()
    for _ in range(windows):
        tally = tally.plus(label or None, other, took_ms, RULES)
    return tally


def shown(lineage: Lineage, tally: Tally, rules: Rules, *, active: bool = False) -> Lineage:
    one = lineage.active if active else lineage.candidate
    assert one is not None
    return lineages.judged(lineage.put(replace(one, tally=tally)), rules, 5)


def in_shadow() -> Lineage:
    return first().step("2" * 8, Step.LOAD, 2)


def states(lineage: Lineage) -> dict[str, str]:
    return {one.version[0]: one.state.value for one in lineage.versions}


def test_the_first_file_makes_its_package_active_and_tries_its_candidate() -> None:
    assert states(first()) == {"1": "active", "2": "loading"}
    assert [change.before for change in changes(Lineage("pump"), first())] == ["", ""]


def test_reading_the_same_file_again_changes_nothing() -> None:
    shadow = in_shadow()
    assert lineages.declare(shadow, version("1"), version("2"), "r", 9) == shadow


def test_one_that_agrees_is_ready_and_with_auto_on_probation() -> None:
    assert states(shown(in_shadow(), seen("normal"), RULES)) == {"1": "active", "2": "ready"}
    promoted = shown(in_shadow(), seen("normal"), AUTO)
    assert states(promoted) == {"1": "retired", "2": "probation"}
    proved_ = shown(promoted, seen("normal"), AUTO, active=True)
    assert states(proved_) == {"1": "retired", "2": "active"}
    assert states(lineages.roll_back(proved_, 9, "by command")) == {
        "1": "active",
        "2": "rolled_back",
    }


@pytest.mark.parametrize(
    ("tally", "word"),
    [
        (seen("alarm"), "disagreed"),
        (seen("alarm", "alarm"), "alarmed"),
        (seen(""), "disagreed"),
        (seen("normal", took_ms=51), "longer than 50 ms"),
    ],
)
def test_one_that_differs_alarms_abstains_or_is_slow_is_refused(tally: Tally, word: str) -> None:
    refused = shown(in_shadow(), tally, AUTO)
    assert states(refused) == {"1": "active", "2": "refused"}
    assert word in refused.versions[1].why


def test_probation_ends_as_soon_as_too_many_alarms_are_certain() -> None:
    assert not proved(seen("alarm", windows=2), RULES).ended
    assert proved(seen("alarm", windows=3), RULES).faults
    assert not compared(seen("alarm", windows=9), RULES).ended
    promoted = shown(in_shadow(), seen("normal"), AUTO)
    back = shown(promoted, seen("alarm", windows=3), AUTO, active=True)
    assert states(back) == {"1": "active", "2": "rolled_back"}


def test_failures_on_probation_roll_back() -> None:
    promoted = shown(in_shadow(), seen("normal"), AUTO)
    back = shown(promoted, seen("", windows=3), AUTO, active=True)
    assert states(back) == {"1": "active", "2": "rolled_back"}


def test_two_strikes_and_it_is_out_even_with_a_good_load_between() -> None:
    once = lineages.struck(in_shadow(), "2" * 8, 3, "died")
    assert states(once) == {"1": "active", "2": "loading"}
    again = once.step("2" * 8, Step.LOAD, 4)
    twice = lineages.struck(again, "2" * 8, 5, "died")
    assert states(twice) == {"1": "active", "2": "refused"}
    assert "2 times" in twice.versions[1].why
    assert states(lineages.declare(twice, version("1"), version("2"), "r", 9))["2"] == "refused"
    assert states(lineages.declare(twice, version("1"), version("2"), "new", 9))["2"] == "loading"


def test_the_active_version_takes_no_strikes() -> None:
    assert lineages.struck(first(), "1" * 8, 3, "died") == first()


def test_a_promoted_candidate_stays_when_the_file_calls_it_the_package() -> None:
    promoted = shown(in_shadow(), seen("normal"), AUTO)
    followed = lineages.declare(promoted, version("2"), None, "", 9)
    assert states(followed) == {"1": "retired", "2": "probation"}


def test_a_rollback_holds_until_the_file_is_changed() -> None:
    promoted = lineages.declare(shown(in_shadow(), seen("normal"), AUTO), version("2"), None, "", 6)
    back = lineages.roll_back(promoted, 7, "by command")
    assert states(lineages.declare(back, version("2"), None, "", 9))["1"] == "active"
    assert states(lineages.declare(back, version("3"), None, "", 9))["3"] == "active"


def test_old_versions_are_forgotten_beyond_keep() -> None:
    lineage = Lineage("pump")
    for at, name in enumerate("12345"):
        lineage = lineages.declare(lineage, version(name), None, "", at, keep=2)
    assert states(lineage) == {"3": "retired", "4": "retired", "5": "active"}


def test_promotion_is_refused_before_the_trial_is_over_unless_forced() -> None:
    with pytest.raises(NotNowError, match="not loaded"):
        lineages.promote(first(), 3)
    with pytest.raises(NotNowError, match="in shadow"):
        lineages.promote(in_shadow(), 3)
    assert states(lineages.promote(in_shadow(), 3, force=True))["2"] == "probation"
    with pytest.raises(NotNowError, match="no previous"):
        lineages.roll_back(first(), 3, "")


NAMES = st.sampled_from("123")
OPERATIONS = st.one_of(
    st.tuples(st.just("declare"), NAMES, st.one_of(st.none(), NAMES), st.sampled_from("rs")),
    st.tuples(st.just("step"), NAMES, st.sampled_from([Step.LOAD, Step.PASS, Step.PROVE])),
    st.tuples(st.just("struck"), NAMES),
    st.tuples(st.just("lost"), NAMES),
    st.tuples(st.just("promote"), st.booleans()),
    st.tuples(st.just("roll_back")),
    st.tuples(st.just("judged"), st.sampled_from(["normal", "alarm", ""]), st.booleans()),
)


def apply(  # noqa: PLR0911  # one per operation
    lineage: Lineage, operation: tuple[object, ...], at: int
) -> Lineage:
    try:
        match operation:
            case ("declare", str(package), other, str(rules)):
                candidate = version(str(other)) if other not in (None, package) else None
                return lineages.declare(lineage, version(package), candidate, rules, at)
            case ("step", str(name), Step() as step):
                return lineage.step(name * 8, step, at)
            case ("struck", str(name)):
                return lineages.struck(lineage, name * 8, at, "died")
            case ("lost", str(name)):
                return lineages.lost(lineage, name * 8, at, "gone")
            case ("promote", bool(force)):
                return lineages.promote(lineage, at, force=force)
            case ("roll_back",):
                return lineages.roll_back(lineage, at, "asked")
            case ("judged", str(label), bool(active)):
                on = lineage.active if active else lineage.candidate
                return shown(lineage, seen(label), AUTO, active=active) if on else lineage
    except (NotNowError, IllegalTransitionError):
        return lineage
    raise AssertionError(operation)


@given(st.lists(OPERATIONS, max_size=25))
def test_whatever_happens_one_version_judges_and_a_restart_goes_on_with_it(
    operations: list[tuple[object, ...]],
) -> None:
    lineage = Lineage("pump")
    for at, operation in enumerate(operations):
        had = lineage.active is not None
        before, lineage = lineage, apply(lineage, operation, at)
        judging = [one for one in lineage.versions if one.state in JUDGING]
        assert len(judging) == 1 if had or operation[0] == "declare" else len(judging) <= 1
        assert len([one for one in lineage.versions if one.state in TRIED]) <= 1
        assert len({one.hash for one in lineage.versions}) == len(lineage.versions)
        assert Lineage.from_json(lineage.to_json(), "pump") == lineage
        for change in changes(before, lineage):
            assert change.active == judging[0].hash


@given(st.text(max_size=40))
def test_damaged_text_is_an_empty_lineage(text: str) -> None:
    assert Lineage.from_json(text, "pump") == Lineage("pump")


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(State)
