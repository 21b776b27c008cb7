"""Choices: what one cloud is sent, and which rows that makes in which lane.

A kind is a word of the user's file (``send: [decisions, readings/1m]``); a row kind is what a row
says of itself on the wire. Records of the audit chain keep their own kinds there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from gateway.core import audit
from gateway.core.batches import Lane


class Kind(StrEnum):
    """What a cloud can be sent."""

    DECISIONS = "decisions"
    """Decisions, and every state of the commands that they gave."""
    ALERTS = "alerts"
    """What people are told, whether or not somebody is told beside the cloud."""
    AUDIT = "audit"
    """All other records of the audit chain, and its signed checkpoints."""
    HEALTH = "health"
    """How the gateway is, now and then."""
    READINGS = "readings"
    """Each reading."""
    MINUTES = "readings/1m"
    """Of each metric and minute: how many, the lowest, the mean, the highest and the last."""


class RowKind(StrEnum):
    """The rows that are no records of the audit chain."""

    ALERT = "alert"
    HEALTH = "health"
    CHECKPOINT = "checkpoint"
    READING = "reading"
    READING_1M = "reading_1m"
    READING_1H = "reading_1h"
    """What the store's limits left of readings."""
    GAP = "gap"
    """Rows that were gone before they were sent."""


QUEUED: Final[Mapping[Kind, RowKind]] = {
    Kind.ALERTS: RowKind.ALERT,
    Kind.HEALTH: RowKind.HEALTH,
}
"""What is stored for the clouds alone, in table ``sync_row``."""

DECIDED: Final = frozenset({audit.Kind.DECISION.value, audit.Kind.COMMAND.value})
_OTHERS: Final = frozenset(kind.value for kind in audit.Kind) - DECIDED
_GAP: Final = frozenset({RowKind.GAP.value})
_HOURS: Final = _GAP | {RowKind.READING_1H.value}
_EVENTS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.DECISIONS: DECIDED | _GAP,
    Kind.ALERTS: frozenset({RowKind.ALERT.value}),
    Kind.AUDIT: _OTHERS | {RowKind.CHECKPOINT.value} | _GAP,
    Kind.HEALTH: frozenset({RowKind.HEALTH.value}),
    Kind.READINGS: frozenset({audit.Kind.CLOCK.value}),
    Kind.MINUTES: frozenset({audit.Kind.CLOCK.value}),
}
"""Readings stamped by a wrong clock may have left: by how much it was wrong is an event."""
_READINGS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.READINGS: _HOURS | {RowKind.READING.value},
    Kind.MINUTES: _HOURS | {RowKind.READING_1M.value},
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What one cloud is sent."""

    kinds: frozenset[Kind]
    assets: frozenset[str] = frozenset()
    """Only what is about these; empty: everything."""
    metrics: frozenset[str] = frozenset()
    """Only readings of these names; empty: of all."""
    pseudonyms: bool = False
    """Sources, devices and assets under keyed pseudonyms; free texts stay here."""

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """Read what ``tree`` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        kinds = frozenset(map(Kind, tree["kinds"]))
        assets, metrics = (
            frozenset(map(str, tree.get(name, ()))) for name in ("assets", "metrics")
        )
        return cls(kinds, assets, metrics, bool(tree.get("pseudonyms")))

    def tree(self) -> dict[str, object]:
        """As JSON can say it."""
        return {
            "kinds": sorted(self.kinds),
            "assets": sorted(self.assets),
            "metrics": sorted(self.metrics),
            "pseudonyms": self.pseudonyms,
        }

    def takes_asset(self, asset: str) -> bool:
        """Whether what is about this asset is sent."""
        return not self.assets or asset in self.assets


def row_kinds(choice: Choice, lane: Lane) -> frozenset[str]:
    """The kinds of rows that a lane carries; none: the lane is not needed."""
    table = _EVENTS if lane is Lane.EVENTS else _READINGS
    found = (table.get(kind, frozenset[str]()) for kind in choice.kinds)
    return frozenset[str]().union(*found)


def lanes(choice: Choice) -> tuple[Lane, ...]:
    """The lanes that have something to carry."""
    return tuple(lane for lane in Lane if row_kinds(choice, lane))


def queued(choices: Iterable[Choice]) -> frozenset[RowKind]:
    """What the daemon must store for the clouds alone, because one of them wants it."""
    wanted = frozenset[Kind]().union(*(choice.kinds for choice in choices))
    return frozenset(row for kind, row in QUEUED.items() if kind in wanted)


def problem(choice: Choice) -> str:
    """Why nobody can mean this; empty when there is nothing."""
    if not choice.kinds:
        return "nothing is sent: name at least one of " + ", ".join(Kind)
    if {Kind.READINGS, Kind.MINUTES} <= choice.kinds:
        return "readings and readings/1m are two entries of cloud.sync: one cloud gets one of them"
    if choice.metrics and not choice.kinds & {Kind.READINGS, Kind.MINUTES}:
        return "metrics choose among readings, and none are sent"
    return ""
