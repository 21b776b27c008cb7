"""A fleet: several gateways on one broker, and which of them commands an asset.

Every member hears, stores and judges everything. An asset belongs to the *slot* of one member, by
rendezvous hashing: each member draws a number for the asset, and the largest wins. So a member that
joins or leaves moves only what it wins or loses, and nobody has to agree with anybody: who is a
member stands in the file. Who *holds* a slot just now is another question: see ``core.slots``.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log
from typing import Final, NamedTuple

from gateway.core.assets import Asset
from gateway.core.guards import Exclusion

_BITS: Final = 52
"""Of a hash, as a fraction that a float holds exactly and that is neither 0 nor 1."""


class Member(NamedTuple):
    """One gateway of a fleet."""

    id: str
    weight: float = 1.0
    """Twice the weight draws twice the assets."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the file says of the fleet, and which member this gateway is."""

    site: str
    me: str
    members: tuple[Member, ...]
    broker: str
    """The one broker of the fleet: who may command is decided there."""
    beat_ms: int = 1_000
    """A holder says so often that it is there."""
    silent_ms: int = 4_000
    """A holder that said nothing for so long is taken for gone."""
    step_ms: int = 700
    """Each place further down a slot's line waits so much longer."""
    give_back_ms: int | None = 30_000
    """A slot goes back to who stands before in its line when that has been there for so long;
    None: only when its holder is gone."""
    username: str = ""
    """Of the commander's connections; empty: the broker's."""
    password_file: str = ""

    def line(self, slot: str) -> tuple[str, ...]:
        """Who holds a slot: its own member, else the next, and so on."""
        others = [member for member in self.members if member.id != slot]
        return (slot, *ranking(f"slot {slot}", others))

    def client_id(self, slot: str) -> str:
        """The one name under which the assets of a slot are commanded, whoever does it."""
        return f"{self.site}-commander-{slot}"


def draw(member: Member, key: str) -> float:
    """What a member draws for a key: -weight / ln(u), u uniform in (0, 1) by hash."""
    digest = blake2b(f"{member.id}|{key}".encode(), digest_size=8).digest()
    u = ((int.from_bytes(digest, "big") >> (64 - _BITS)) + 0.5) / (1 << _BITS)
    return -member.weight / log(u)


def ranking(key: str, members: Iterable[Member]) -> list[str]:
    """Ids of members by what they draw for a key, the largest first."""
    drawn = sorted(((draw(member, key), member.id) for member in members), reverse=True)
    return [member for _, member in drawn]


def owners(
    assets: Iterable[str], ties: Iterable[Collection[str]], members: Sequence[Member]
) -> dict[str, str]:
    """The slot that each asset belongs to; assets that are tied together have the same."""
    keys = together(assets, ties)
    best: dict[str, str] = {}
    for key in set(keys.values()):
        best[key] = max((draw(member, key), member.id) for member in members)[1]
    return {asset: best[key] for asset, key in keys.items()}


def together(assets: Iterable[str], ties: Iterable[Collection[str]]) -> dict[str, str]:
    """Asset -> the first, by name, of all that it is tied to."""
    heads = {asset: asset for asset in assets}

    def head(asset: str) -> str:
        while heads[asset] != asset:
            asset = heads[asset]
        return asset

    for tie in ties:
        tops = sorted({head(asset) for asset in tie if asset in heads})
        for top in tops[1:]:
            heads[top] = tops[0]
    return {asset: head(asset) for asset in heads}


def ties(assets: Mapping[str, Asset], exclusions: Iterable[Exclusion]) -> Iterator[set[str]]:
    """Assets whose limits look at each other's commands: one gateway must know all of these."""
    for exclusion in exclusions:
        yield {deed.asset for deed in exclusion.of}
    for asset in assets.values():
        for action in asset.actions.values():
            guard = action.guard
            named = {deed.asset for deed in (*guard.never_with, *guard.after_ms)}
            if named:
                yield {asset.id, *named}
