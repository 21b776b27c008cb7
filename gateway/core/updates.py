"""Updates: what an author offers, which gateway takes it and when.

Nobody orders an update: each gateway reads the same signed list and decides for itself. A gateway's
place in a rollout is a hash of its id and of the package, so that it is the same at every check,
differs from package to package, and needs no server to be remembered.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple, Self

from gateway.core.times import rfc3339

SECTIONS: Final = (
    *("assets", "sources", "models", "exclusions", "limits", "alerts", "homeassistant"),
)
"""Sections of the file that a received configuration may bring. The others say who the gateway is,
whom it trusts, and where its secrets and its records are."""
ACT: Final = "act"
"""Beside them: a received configuration may also change what is done to machines."""
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Terms:
    """For whom an offer is, as its target's ``custom`` says."""

    serial: int = 0
    """Counts up with each offer of a role: the newest that a gateway may take is taken."""
    version: str = ""
    percent: int = 100
    """Share of the gateways that take it."""
    ring: str = ""
    """Only for gateways of this ring; empty: for all."""
    not_before: str = ""
    """RFC 3339; empty: at once."""
    min_gateway: str = ""
    """Oldest version of the gateway that can use it; empty: any."""
    halted: bool = False
    """Nobody begins with it any more."""

    @property
    def not_before_ms(self) -> int:
        """UTC epoch milliseconds; 0 without one."""
        return moment_ms(self.not_before) if self.not_before else 0

    def to_custom(self) -> dict[str, object]:
        """What is not the default, for the repository."""
        empty = Terms()
        return {key: value for key, value in asdict(self).items() if value != getattr(empty, key)}

    @classmethod
    def from_custom(cls, custom: object) -> Self:
        """Read them; keys that are not known are for later gateways.

        Raises:
            ValueError: a key is not what it should be.
        """
        given = custom if isinstance(custom, Mapping) else {}
        found: dict[str, object] = {}
        for one in fields(cls):
            if one.name in given:
                value = given[one.name]
                if type(value) is not type(one.default):
                    raise ValueError(f"{one.name}: {str(value)[:80]!r}")
                found[one.name] = value
        terms = cls(**found)  # type: ignore[arg-type]  # each has the type of its default
        if not 0 <= terms.percent <= 100:  # noqa: PLR2004  # of a hundred
            raise ValueError(f"percent: {terms.percent}")
        moment_ms(terms.not_before or "2026-01-01T00:00:00Z")
        return terms


class Offer(NamedTuple):
    """A file of the repository, as its signed list has it."""

    path: str
    sha256: str
    length: int
    terms: Terms


class Here(NamedTuple):
    """The gateway that decides."""

    gateway: str
    ring: str
    version: str
    now_ms: int


def bucket(gateway: str, package: str) -> int:
    """The place of a gateway in the rollout of a package (its sha256), 0 to 99."""
    return int.from_bytes(sha256(f"{gateway}/{package}".encode()).digest()[:8]) % 100


def held(offer: Offer, here: Here) -> str:
    """Why this gateway does not take an offer now; empty when it does."""
    terms = offer.terms
    if terms.halted:
        return "halted"
    if terms.ring and terms.ring != here.ring:
        return f"for ring {terms.ring}"
    if terms.min_gateway and release(here.version) < release(terms.min_gateway):
        return f"needs gateway {terms.min_gateway}, this is {here.version}"
    if here.now_ms < terms.not_before_ms:
        return f"not before {rfc3339(terms.not_before_ms)}"
    place = bucket(here.gateway, offer.sha256)
    return "" if place < terms.percent else f"for {terms.percent} of 100, this is number {place}"


def newest(offers: Iterable[Offer], here: Here, out: Collection[str]) -> Offer | None:
    """The offer that is taken: the newest that may be; none that failed here before."""
    able = [one for one in offers if one.sha256 not in out and not held(one, here)]
    return max(able, key=lambda one: (one.terms.serial, one.path), default=None)


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing: ``0.10.1`` is (0, 10, 1)."""
    return tuple(map(int, _DIGITS.findall(version.partition("+")[0])[:4]))


def moment_ms(text: str) -> int:
    """RFC 3339 -> UTC epoch milliseconds.

    Raises:
        ValueError: it is no time with a time zone.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no time zone: end it with Z")
    return round(found.timestamp() * 1000)
