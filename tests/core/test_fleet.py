"""Who owns an asset: fair shares, least movement, and assets that belong together."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.fleet import Fleet, Member, draw, owners, ranking, ties, together
from gateway.core.guards import Deed, Exclusion

IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
MEMBERS = st.lists(IDS, min_size=2, max_size=8, unique=True).map(
    lambda ids: [Member(one) for one in ids]
)
ASSETS = [f"pump-{n}" for n in range(3_000)]


@given(MEMBERS, st.lists(IDS, max_size=40, unique=True))
def test_every_asset_has_one_owner_whatever_the_order(
    members: list[Member], assets: list[str]
) -> None:
    found = owners(assets, (), members)
    assert found == owners(reversed(assets), (), members[::-1])
    assert set(found) == set(assets)
    assert set(found.values()) <= {one.id for one in members}


@given(MEMBERS, st.lists(IDS, max_size=40, unique=True), st.data())
def test_only_the_assets_of_who_leaves_move(
    members: list[Member], assets: list[str], data: st.DataObject
) -> None:
    leaves = data.draw(st.sampled_from(members))
    before = owners(assets, (), members)
    after = owners(assets, (), [one for one in members if one is not leaves])
    assert all(after[asset] == owner for asset, owner in before.items() if owner != leaves.id)


@given(MEMBERS, IDS, st.lists(IDS, max_size=40, unique=True))
def test_who_joins_only_takes(members: list[Member], joins: str, assets: list[str]) -> None:
    before = owners(assets, (), members)
    after = owners(assets, (), [*members, Member(joins)])
    assert all(after[asset] in (owner, joins) for asset, owner in before.items())


@settings(max_examples=20)
@given(st.integers(2, 8))
def test_shares_are_fair(count: int) -> None:
    members = [Member(f"gateway-{n}") for n in range(count)]
    shares = Counter(owners(ASSETS, (), members).values())
    fair = len(ASSETS) / count
    assert all(0.8 * fair < shares[one.id] < 1.2 * fair for one in members)


def test_a_member_of_twice_the_weight_takes_twice_as_much() -> None:
    members = [Member("pi5", 2.0), Member("pi4"), Member("pi3", 0.5)]
    shares = Counter(owners(ASSETS, (), members).values())
    assert 1.8 < shares["pi5"] / shares["pi4"] < 2.25
    assert 1.7 < shares["pi4"] / shares["pi3"] < 2.35


@given(IDS, st.floats(0.001, 1_000), IDS)
def test_a_draw_is_a_positive_number(member: str, weight: float, key: str) -> None:
    assert 0 < draw(Member(member, weight), key) < float("inf")


@given(MEMBERS)
def test_a_slots_line_is_everybody_once_and_its_own_member_first(members: list[Member]) -> None:
    ids = [one.id for one in members]
    fleet = Fleet("plant", ids[0], tuple(members), "local")
    for slot in ids:
        line = fleet.line(slot)
        assert line[0] == slot
        assert sorted(line) == sorted(ids)


def test_standbys_are_spread() -> None:
    members = tuple(Member(f"g{n}") for n in range(5))
    fleet = Fleet("plant", "g0", members, "local")
    assert len({fleet.line(one.id)[1] for one in members}) >= 2


def test_the_ranking_begins_with_the_owner() -> None:
    members = [Member(one) for one in "abc"]
    assert ranking("pump-1", members)[0] == owners(["pump-1"], (), members)["pump-1"]


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=2), max_size=6))
def test_what_is_tied_has_one_owner(tied: list[set[str]]) -> None:
    found = owners("abcdefgh", tied, [Member("x"), Member("y"), Member("z")])
    for tie in tied:
        assert len({found[asset] for asset in tie}) == 1


def test_ties_follow_each_other() -> None:
    found = together("abcde", [{"a", "b"}, {"d", "c"}, {"b", "c"}])
    assert found == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e"}


def test_an_exclusion_ties_its_assets() -> None:
    exclusion = Exclusion("cooling", (Deed("p", "stop"), Deed("q", "stop")))
    assert list(ties({}, [exclusion])) == [{"p", "q"}]
