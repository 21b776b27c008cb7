"""Guards: what the user's file forbids, whatever a model, a rule or a person asks for. Frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final, NamedTuple

from gateway.core.hours import Hours
from gateway.core.rules import Expression

DIGITS: Final = 9
"""Of a value, after the point."""


class Deed(NamedTuple):
    """An action of an asset, by their names."""

    asset: str
    action: str

    def __str__(self) -> str:
        return f"{self.asset}/{self.action}"


@dataclass(frozen=True, slots=True)
class Slew:
    """How far a value may move within a time."""

    by: float
    within_ms: int
    metric: str
    """The metric of the asset that shows the value, in the value's own unit."""


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What an action may be told."""

    property: str
    """The property of ``set`` that takes it."""
    low: float
    high: float
    step: float | None = None
    """Only ``low`` plus whole multiples of this."""
    slew: Slew | None = None

    def nearest(self, value: float) -> float:
        """The step that a value is on, without the dust of its arithmetic."""
        if self.step is None or not isfinite(value):
            return float(value)
        steps = round((value - self.low) / self.step)
        return round(self.low + steps * self.step, DIGITS)


@dataclass(frozen=True, slots=True)
class Guard:
    """What must hold for one action."""

    only_if: tuple[Expression, ...] = ()
    """All must be true; an unknown one counts as false."""
    unless: tuple[Expression, ...] = ()
    """None may be true; an unknown one counts as true."""
    never_with: tuple[Deed, ...] = ()
    """Not while one of these may be in force."""
    after_ms: Mapping[Deed, int] = field(default_factory=dict)
    """Not earlier than so long after one of these was last sent."""
    hours: Hours | None = None
    """Only then, and only while the wall clock can be believed."""
    undone_if: Expression | None = None
    """What shows that it is not in force; without it, that its proof does not hold."""

    @property
    def rules(self) -> tuple[Expression, ...]:
        """Every rule that evidence must answer."""
        undone = () if self.undone_if is None else (self.undone_if,)
        return (*self.only_if, *self.unless, *undone)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many commands one asset may get; None: as many as the gateway may send."""

    per_hour: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Actions of which only so many may be in force at one time."""

    name: str
    of: tuple[Deed, ...]
    at_most: int = 1
