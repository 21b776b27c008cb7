"""Versions that come from elsewhere: the file's package is what it began with, no more."""

from gateway.core import lineages
from gateway.core.versions import Lineage, Step, Version


def version(name: str) -> Version:
    return Version(name * 8, f"{name}.0.0", f"/models/{name}")


def declared(lineage: Lineage, package: str, candidate: str = "") -> Lineage:
    new = version(candidate) if candidate else None
    return lineages.declare(lineage, version(package), new, "r", 5, delivered=True)


def promoted() -> Lineage:
    """2 came, and judges."""
    tried = declared(Lineage("pump"), "1", "2").step("2" * 8, Step.LOAD, 2)
    return lineages.promote(tried, 3, force=True).step("2" * 8, Step.PROVE, 4)


def states(lineage: Lineage) -> dict[str, str]:
    return {one.version[0]: one.state.value for one in lineage.versions}


def test_the_next_one_is_tried_beside_the_one_that_came_before() -> None:
    assert states(declared(promoted(), "1", "3")) == {"1": "retired", "2": "active", "3": "loading"}


def test_one_that_judges_goes_on_when_nobody_offers_it_any_more() -> None:
    assert states(declared(promoted(), "1")) == {"1": "retired", "2": "active"}


def test_one_on_trial_is_dropped_when_it_is_withdrawn_and_tried_when_it_comes_back() -> None:
    tried = declared(promoted(), "1", "3")
    dropped = declared(tried, "1")
    assert states(dropped) == {"1": "retired", "2": "active", "3": "retired"}
    assert states(declared(dropped, "1", "3"))["3"] == "loading"


def test_one_that_judged_or_failed_before_is_not_tried_again() -> None:
    back = lineages.roll_back(promoted(), 6, "by command")
    assert states(declared(back, "1", "2")) == {"1": "active", "2": "rolled_back"}
    later = declared(promoted(), "1", "3")
    later = lineages.promote(later.step("3" * 8, Step.LOAD, 6), 7, force=True)
    again = declared(later.step("3" * 8, Step.PROVE, 8), "1", "2")
    assert states(again) == {"1": "retired", "2": "retired", "3": "active"}


def test_a_person_who_names_another_package_is_obeyed() -> None:
    assert states(declared(promoted(), "4", "2")) == {"1": "retired", "2": "retired", "4": "active"}
    assert states(declared(promoted(), "4"))["4"] == "active"


def test_without_it_the_file_s_package_judges_again() -> None:
    plain = lineages.declare(promoted(), version("1"), version("3"), "r", 5)
    assert states(plain)["1"] == "active"
