"""The file's sections about limits: what is forbidden, whatever a model says."""

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from gateway.config.scalars import Duration, Locks, Name, OneOrMore, Range, Rule, schema_of
from gateway.config.schema import Section
from gateway.core import durations, hours
from gateway.core.guards import Deed, Exclusion, Guard, Rates, Slew, ValueRule
from gateway.core.hours import Hours

TOLD = "value"
"""The word under ``set`` that an action's value takes the place of."""

_DEED = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$"
_SLEW = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) +per +(.+)", re.ASCII)


class SlewOf(NamedTuple):
    """So much within so long."""

    by: float
    within_ms: int


def _slew(value: object) -> SlewOf:
    found = _SLEW.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError(f"not a slew limit: {str(value)[:80]!r}; write it like 20 per 1m")
    return SlewOf(float(found[1]), durations.parse(found[2]))


def _hours(value: object) -> Hours:
    if not isinstance(value, str):
        raise ValueError("should be hours like Mo-Fr 06:00-22:00 Europe/Berlin")  # noqa: TRY004 - pydantic reports ValueErrors
    spans, zone = hours.parse(value)
    try:
        return Hours(str(value).strip(), spans, ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        raise ValueError(f"no such time zone: {zone!r}; write it like Europe/Berlin") from None


SlewText = Annotated[
    SlewOf, BeforeValidator(_slew), schema_of("string", "20 per 1m", r"^[0-9.]+ +per +.+$")
]
HoursText = Annotated[
    Hours, BeforeValidator(_hours), schema_of("string", "Mo-Fr 06:00-22:00 Europe/Berlin")
]
DeedText = Annotated[str, Field(pattern=_DEED, max_length=129)]
"""An action: ``stop`` of the same asset, or ``pump-8/stop``."""


class ValueSection(Section):
    """What an action may be told; ``set`` says ``value`` where it goes."""

    range: Range
    """``[lowest, highest]``."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Only the lowest plus whole multiples of this."""
    slew: SlewText | None = None
    """``20 per 1m``: within a minute it moves by 20 at most, from what it was told before and from
    what ``metric`` shows."""
    metric: str | None = None
    """With slew: the metric of the asset that shows it, in the same unit; unknown, it forbids."""


class GuardSection(Section):
    """What must hold for an action, whoever asks: a policy, a fail-safe or a person."""

    value: ValueSection | None = None
    """It takes a value: ``do: throttle, with: 40``."""
    only_if: Locks = ()
    """Rules over fresh, good metrics: all must be true, an unknown one counts as false. Metrics of
    another asset are named in backticks with it."""
    unless: Locks = ()
    """Rules: none may be true, an unknown one counts as true."""
    only_during: HoursText | None = None
    """``Mo-Fr 06:00-22:00; Sa 08:00-12:00 Europe/Berlin``: never outside of these hours, nor while
    the wall clock cannot be believed."""
    never_with: Annotated[tuple[DeedText, ...], OneOrMore()] = ()
    """Actions (``drain``, ``pump-8/stop``): never while one of them is on its way or in force."""
    after: dict[DeedText, Duration] = Field(default_factory=dict)
    """``{start: 10m}``: not within ten minutes after ``start`` was sent last; minimum times on and
    off. Measured in running time, over restarts."""
    undone_if: Rule | None = None
    """What shows that it is not in force (any more), for ``never_with`` and ``exclusions``;
    default: its proof does not hold. Unknown, it counts as in force."""


class AssetLimitsSection(Section):
    """How many commands an asset may get; more are refused. 0 forbids all."""

    commands_per_hour: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """In any hour of running time, of all its actions together."""
    commands_per_day: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """In any 24 hours of running time."""


class ExclusionSection(Section):
    """Actions of which only so many may be in force at one time."""

    of: Annotated[tuple[DeedText, ...], Field(min_length=2)]
    """``[pump-7/stop, pump-8/stop]``. One counts as in force while its command is on its way, and
    until fresh evidence shows that it is not: its proof fails, or its ``undone_if`` is true."""
    at_most: Annotated[int, Field(ge=1)] = 1
    """So many."""


Exclusions = dict[Name, ExclusionSection]


def deed(asset: str, text: str) -> Deed:
    """The action that a word means in an asset."""
    other, slash, action = text.rpartition("/")
    return Deed(other if slash else asset, action)


def guard(asset: str, entry: GuardSection) -> Guard:
    """What must hold for one action of an asset."""
    return Guard(
        only_if=entry.only_if,
        unless=entry.unless,
        never_with=tuple(deed(asset, text) for text in entry.never_with),
        after_ms={deed(asset, text): span_ms for text, span_ms in entry.after.items()},
        hours=entry.only_during,
        undone_if=entry.undone_if,
    )


def value_rule(entry: GuardSection, said: Mapping[str, object]) -> ValueRule | None:
    """What an action may be told; None where it takes nothing (the checks refuse a half of it)."""
    value, keys = entry.value, told(said)
    if value is None or not keys:
        return None
    low, high = value.range
    slew = None
    if value.slew is not None and value.metric is not None:
        slew = Slew(value.slew.by, value.slew.within_ms, value.metric)
    return ValueRule(keys[0], low, high, value.step, slew)


def told(said: Mapping[str, object]) -> list[str]:
    """The properties that take the value."""
    return [key for key, word in said.items() if word == TOLD]


def rates(entry: AssetLimitsSection) -> Rates:
    """How many commands an asset may get."""
    return Rates(entry.commands_per_hour, entry.commands_per_day)


def exclusions(entries: Exclusions) -> tuple[Exclusion, ...]:
    """The exclusions, in the order of the file."""
    return tuple(
        Exclusion(name, tuple(deed("", text) for text in entry.of), entry.at_most)
        for name, entry in entries.items()
    )
