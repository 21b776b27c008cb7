"""The order in which limits are asked; docs/safety.md has the same table."""

from collections.abc import Sequence
from typing import Final

from gateway.core import limits_bounds as bounds
from gateway.core import limits_interlocks as interlocks
from gateway.core.interventions import MAINTENANCE, Kind
from gateway.core.limits import Ask, By, Limit, Limits
from gateway.core.sights import Moment


def _stopped(limits: Limits, _ask: Ask, moment: Moment) -> str:
    return limits.standing.stopped(moment.mono_ms)


def _maintenance(limits: Limits, ask: Ask, moment: Moment) -> str:
    found = limits.standing.find(ask.deed.asset, Kind.MAINTENANCE, MAINTENANCE, moment.mono_ms)
    return "" if found is None else "maintenance"


def _hold(limits: Limits, ask: Ask, moment: Moment) -> str:
    found = limits.standing.find(ask.deed.asset, Kind.HOLD, "", moment.mono_ms)
    return "" if found is None else "hold"


def _listed(limits: Limits, ask: Ask, _moment: Moment) -> str:
    asset = limits.assets.get(ask.deed.asset)
    listed = asset is not None and ask.deed.action in asset.actions
    return "" if listed else f"assets.{ask.deed.asset}.actions: no {ask.deed.action!r}"


ORDER: Final[Sequence[Limit]] = (
    Limit("stopped", _stopped),
    Limit("maintenance", _maintenance, frozenset({By.PERSON})),
    Limit("hold", _hold, frozenset({By.PERSON, By.FAIL_SAFE})),
    Limit("actions", _listed),
    Limit("value", bounds.value),
    Limit("only_during", bounds.only_during),
    Limit("only_if", interlocks.only_if),
    Limit("unless", interlocks.unless),
    Limit("never_with", interlocks.never_with),
    Limit("exclusions", interlocks.exclusions),
    Limit("after", bounds.after),
    Limit("slew", bounds.slew),
    Limit("commands_per_hour", bounds.per_hour),
    Limit("commands_per_day", bounds.per_day),
    Limit("commands_per_minute", bounds.per_minute),
)
