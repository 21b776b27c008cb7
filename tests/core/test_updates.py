"""Who takes an offer, and whether a configuration stays."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.probation import Probation
from gateway.core.updates import Here, Offer, Terms, bucket, held, newest, release

HERE = Here("plant-7", "canary", "0.3.1", 1_800_000_000_000)


def offer(sha256: str = "a" * 64, **terms: object) -> Offer:
    return Offer("models/heat/1.tar", sha256, 1, Terms(**terms))  # type: ignore[arg-type]


@given(st.text(), st.text(), st.integers(0, 100), st.integers(0, 100))
def test_who_is_in_a_share_is_in_every_larger_one(
    gateway: str, package: str, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    place = bucket(gateway, package)
    assert 0 <= place < 100
    assert not place < low or place < high


def test_a_share_of_gateways_is_about_that_share_and_another_one_for_each_package() -> None:
    names = [f"plant-{number}" for number in range(2_000)]
    first = {name for name in names if bucket(name, "a") < 10}
    second = {name for name in names if bucket(name, "b") < 10}
    assert 140 < len(first) < 260
    assert len(first & second) < 60


def test_each_term_holds_it_back() -> None:
    assert held(offer(), HERE) == ""
    assert held(offer(ring="canary", min_gateway="0.3.1", percent=100), HERE) == ""
    assert "ring" in held(offer(ring="plant"), HERE)
    assert "needs gateway" in held(offer(min_gateway="0.10"), HERE)
    assert "not before" in held(offer(not_before="2099-01-01T00:00:00Z"), HERE)
    assert held(offer(not_before="2020-01-01T00:00:00+01:00"), HERE) == ""
    assert "of 100" in held(offer(percent=0), HERE)
    assert held(offer(halted=True), HERE) == "halted"


def test_the_newest_wins_and_what_failed_here_does_not() -> None:
    offers = [offer("a" * 64, serial=2), offer("b" * 64, serial=9), offer("c" * 64, serial=10)]
    assert newest(offers, HERE, ()) == offers[2]
    assert newest(offers, HERE, {"c" * 64}) == offers[1]
    assert newest([], HERE, ()) is None


def test_terms_come_back_as_they_were_and_later_keys_are_left_alone() -> None:
    terms = Terms(serial=3, percent=5, ring="canary", halted=True)
    assert Terms.from_custom(terms.to_custom() | {"later": 1}) == terms
    assert Terms.from_custom(None) == Terms()


def test_terms_that_are_none_are_refused() -> None:
    for wrong in ({"percent": "10"}, {"percent": 101}, {"halted": 1}, {"not_before": "soon"}):
        try:
            Terms.from_custom(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_releases_compare_as_numbers() -> None:
    assert release("0.10.0") > release("0.9.9")
    assert release("1.0") <= release("1.0.0+local")


# -- probation -----------------------------------------------------------------------------------


def probation() -> Probation:
    return Probation(["broker ttn: refused"], ["pump", "fan"], 90_000, 0)


def test_it_is_kept_when_nothing_new_is_wrong() -> None:
    watch = probation()
    known = ["broker ttn: not connected"]
    assert watch.look(known, {"pump"}, {"pump"}, 89_999) is None
    assert watch.look(known, {"pump"}, {"pump"}, 90_000) == ""


def test_a_new_problem_that_stands_ends_it_and_one_that_goes_does_not() -> None:
    watch = probation()
    assert watch.look(["worker: down"], {"pump"}, {"pump"}, 1_000) is None
    assert watch.look([], {"pump"}, {"pump"}, 20_000) is None
    assert watch.look(["worker: down"], {"pump"}, {"pump"}, 40_000) is None
    assert watch.look(["worker: down"], {"pump"}, {"pump"}, 69_999) is None
    assert "worker: down" in (watch.look(["worker: down"], {"pump"}, {"pump"}, 70_000) or "")


def test_at_its_end_no_new_problem_may_stand_and_no_asset_be_deaf() -> None:
    assert "worker" in (probation().look(["worker: down"], {"pump"}, {"pump"}, 90_000) or "")
    assert "pump" in (probation().look([], {"pump"}, set(), 90_000) or "")
    assert probation().look([], {"other"}, set(), 90_000) == ""
