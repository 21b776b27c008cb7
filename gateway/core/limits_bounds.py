"""Bounds: the limits of how much, how fast, how often and when.

Each says why it forbids, beginning with its key in the file; empty when it does not.
"""

from math import isfinite
from typing import Final

from gateway.core import durations
from gateway.core.limits import Ask, Limits, path
from gateway.core.sights import Moment

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
NEAR: Final = 1e-6
"""How far from a whole multiple of its step a value may be."""


def value(limits: Limits, ask: Ask, _moment: Moment) -> str:
    """A value is finite, within its range and on a step; none where none is taken."""
    rule, value = limits.action(ask.deed).value, ask.value
    key = f"{path(ask.deed)}.value"
    if rule is None:
        return "" if value is None else f"{key}: it takes none"
    if value is None or isinstance(value, bool) or not isfinite(value):
        return f"{key}: it needs a number, not {value}"
    if not rule.low <= value <= rule.high:
        return f"{key}.range [{rule.low:g}, {rule.high:g}]: {value:g}"
    if rule.step is not None:
        steps = (value - rule.low) / rule.step
        if abs(steps - round(steps)) > NEAR:
            return f"{key}.step {rule.step:g} from {rule.low:g}: {value:g}"
    return ""


def only_during(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Within the hours, by a clock that can be believed."""
    hours = limits.action(ask.deed).guard.hours
    if hours is None or (moment.clock_ok and hours.open(moment.now_ms)):
        return ""
    why = "" if moment.clock_ok else ": the clock is not believed"
    return f"{path(ask.deed)}.only_during {hours.text}{why}"


def after(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Long enough after what was sent before: minimum on and off times."""
    for deed, span_ms in limits.action(ask.deed).guard.after_ms.items():
        last_ms = limits.ledger.last_ms(deed, ask.command)
        if last_ms is not None and moment.running_ms - last_ms < span_ms:
            key = deed.action if deed.asset == ask.deed.asset else str(deed)
            return f"{path(ask.deed)}.after.{key} {durations.render(span_ms)}"
    return ""


def slew(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Near enough to what its metric shows and to all that it was told within the time.

    What it shows is not in the words: a refusal whose words change is a new one with each reading.
    """
    rule = limits.action(ask.deed).value
    if rule is None or rule.slew is None or ask.value is None:
        return ""
    by, within_ms, metric = rule.slew.by, rule.slew.within_ms, rule.slew.metric
    key = f"{path(ask.deed)}.value.slew {by:g} per {durations.render(within_ms)}"
    shown = limits.evidence(ask.deed.asset, moment).value(metric)
    if shown is None or isinstance(shown, bool | str):
        return f"{key}: {metric} is unknown"
    if abs(ask.value - shown) > by + NEAR:
        return f"{key}: {ask.value:g} is too far from {metric}"
    for use in limits.ledger.of(ask.deed, ask.command):
        recent = moment.running_ms - use.at_ms < within_ms
        if recent and use.value is not None and abs(ask.value - use.value) > by + NEAR:
            return f"{key}: {ask.value:g} is too far from {use.value:g}, which it was told"
    return ""


def per_hour(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Few enough commands of the asset in an hour of running."""
    most = limits.assets[ask.deed.asset].rates.per_hour
    return _rated(limits, ask, moment, most, HOUR_MS, "commands_per_hour")


def per_day(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Few enough commands of the asset in a day of running."""
    most = limits.assets[ask.deed.asset].rates.per_day
    return _rated(limits, ask, moment, most, DAY_MS, "commands_per_day")


def _rated(
    limits: Limits, ask: Ask, moment: Moment, most: int | None, span_ms: int, name: str
) -> str:
    asset = ask.deed.asset
    if most is None or limits.ledger.count(span_ms, moment.running_ms, asset, ask.command) < most:
        return ""
    return f"assets.{asset}.limits.{name} {most}"


def per_minute(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Few enough commands of the whole gateway in a minute of running."""
    used = limits.ledger.total(MINUTE_MS, moment.running_ms, ask.deed, ask.command)
    most = limits.per_minute
    return f"limits.commands_per_minute {most}" if used >= most else ""
