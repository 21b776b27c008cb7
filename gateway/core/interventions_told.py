"""How interventions are kept, recorded and shown."""

import json
from dataclasses import asdict

from gateway.core.interventions import MAINTENANCE, Intervention, Kind, Standing
from gateway.core.times import rfc3339

Told = dict[str, object]

LAST_MS = 253_402_300_799_999
"""The end of the year 9999: what a clock that jumped cannot say later than."""


def to_json(one: Intervention) -> str:
    """As the store keeps it."""
    return json.dumps(asdict(one), ensure_ascii=False)


def from_json(text: str) -> Intervention:
    """What ``to_json`` wrote.

    Raises:
        ValueError, TypeError, KeyError: it did not.
    """
    saved = json.loads(text)
    return Intervention(**{**saved, "kind": Kind(saved["kind"])})


def kept_key(one: Intervention) -> str:
    """Where it is kept in the store's room ``interventions``."""
    return "\n".join(one.key)


def shown(one: Intervention | None, now_ms: int, mono_ms: int) -> Told | None:
    """Who decided it, why, since when and until when; null when nobody did."""
    if one is None:
        return None
    left_ms = one.left_ms(mono_ms)
    # Decided before the clock was right: by how long ago it was, on the clock of now.
    since_ms = one.at_ms if one.clock_ok else now_ms - (mono_ms - one.mono_ms)
    return {
        "author": one.author,
        "reason": one.reason,
        "since": _time(since_ms),
        "until": None if left_ms is None else _time(now_ms + left_ms),
    }


def _time(at_ms: int) -> str:
    return rfc3339(min(max(at_ms, 0), LAST_MS))


def body(one: Intervention, change: str, **more: object) -> Told:
    """What is recorded, logged and announced of a change; ``more`` is what goes with it."""
    return {
        "id": one.id,
        "change": change,
        "kind": one.kind.value,
        "asset": one.asset or None,
        "value": one.value or None,
        "policy": one.policy or None,
        "author": one.author,
        "reason": one.reason,
        "for_s": None if one.for_ms is None else one.for_ms / 1000,
    } | more


def of_asset(
    standing: Standing, asset: str, alerts: tuple[str, ...], now_ms: int, mono_ms: int
) -> Told:
    """What an asset's state says of people.

    Args:
        standing: what people decided.
        asset: which one.
        alerts: the decisions that raised what is raised now.
        now_ms: wall clock.
        mono_ms: monotonic clock.
    """
    held = standing.find(asset, Kind.HOLD, "", mono_ms)
    flags = sorted(standing.flags(asset, mono_ms) - {MAINTENANCE})
    worked = standing.find(asset, Kind.MAINTENANCE, MAINTENANCE, mono_ms)
    return {
        "mode_override": mode_override(standing, asset, now_ms, mono_ms),
        "hold": shown(held, now_ms, mono_ms),
        "maintenance": shown(worked, now_ms, mono_ms),
        "flags": flags,
        "acknowledged": acknowledged(standing, asset, alerts, now_ms, mono_ms),
    }


def mode_override(standing: Standing, asset: str, now_ms: int, mono_ms: int) -> Told | None:
    """The mode that a person gave an asset, or the whole gateway."""
    one = standing.find(asset, Kind.MODE, "", mono_ms)
    told = shown(one, now_ms, mono_ms)
    return None if one is None or told is None else {"mode": one.value} | told


def acknowledged(
    standing: Standing, asset: str, alerts: tuple[str, ...], now_ms: int, mono_ms: int
) -> Told | None:
    """The newest acknowledgement, once everything that is raised was acknowledged."""
    found = [standing.find(asset, Kind.ACKNOWLEDGE, alert, mono_ms) for alert in alerts]
    seen = [one for one in found if one is not None]
    if not seen or len(seen) < len(found):
        return None
    return shown(max(seen, key=lambda one: one.id), now_ms, mono_ms)
