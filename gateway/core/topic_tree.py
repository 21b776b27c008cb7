"""What the gateway publishes: the documents under ``edge/<gateway id>/``, version 1.

Every document carries ``v`` (version of the tree) and ``ts`` (RFC 3339, UTC, milliseconds). What is
unknown is absent, or null where its absence would be read as "unchanged". State that a late
subscriber needs is retained; events are not.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.core import interventions_told
from gateway.core.commands import Command
from gateway.core.compact import compact
from gateway.core.interventions import Kind
from gateway.core.policy import Alert
from gateway.core.signals import Signal
from gateway.core.verdicts import Decision, Verdict
from gateway.core.watch import Watch

VERSION: Final = 1

Document = dict[str, object]


def rfc3339(at_ms: int) -> str:
    """UTC with milliseconds; times outside the years 1 to 9999 are cut to them."""
    at_s = min(max(at_ms / 1000, -62_135_596_800.0), 253_402_300_799.0)
    stamp = datetime.fromtimestamp(at_s, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encode(document: Document) -> bytes:
    """The bytes on the wire: no NaN, UTF-8, keys in the order they were written."""
    return compact(document).encode()


def head(now_ms: int) -> Document:
    """What every document begins with."""
    return {"v": VERSION, "ts": rfc3339(now_ms)}


def asset_state(watch: Watch, now_ms: int, mono_ms: int) -> Document:
    """``asset/<id>/state``, retained."""
    verdict = watch.verdict
    raised = watch.policy.raised()
    return (
        head(now_ms)
        | {
            "asset": watch.asset.id,
            "name": watch.asset.name,
            "label": verdict.label if verdict else "unknown",
            "score": verdict.score if verdict else None,
            "interval": list(verdict.interval) if verdict and verdict.interval else None,
            "rung": verdict.rung if verdict else "none",
            "abstained": dict(verdict.abstained) if verdict else {},
            "members": [dict(member) for member in verdict.members] if verdict else [],
            "scores": watch.scores,
            "alert": raised is not None,
            "calibrations": {
                model: {
                    "number": state.calibration.number,
                    "ready": state.calibration.ready,
                    "seen": state.calibration.seen,
                    "rows": state.calibration.rows,
                    "source": state.calibration.source or "first rows",
                }
                for model, state in watch.models.items()
                if state.calibration is not None
            },
            "metrics": {name: _metric(watch, name, mono_ms) for name in watch.asset.metrics},
        }
        | _people(watch, now_ms, mono_ms)
    )


def _people(watch: Watch, now_ms: int, mono_ms: int) -> Document:
    """How far its policies may go, and what people decided that holds now."""
    policy, mode = watch.policy, watch.policy.mode(mono_ms)
    alerts = tuple(alert.id for alert in policy.alerts())
    held = interventions_told.of_asset(policy.standing, watch.asset.id, alerts, now_ms, mono_ms)
    return {"mode": mode.value if mode else None} | held


def _metric(watch: Watch, name: str, mono_ms: int) -> Document:
    known = watch.latest.known(name)
    quality, reason = watch.latest.quality(name, mono_ms)
    return {
        "value": known.value if known else None,
        "unit": watch.asset.metrics[name].unit,
        "quality": quality.value,
        "reason": reason,
        "age_s": round((mono_ms - known.mono_ms) / 1000, 3) if known else None,
        **_samples(watch.latest.signals.get(name)),
    }


def _samples(signal: Signal | None) -> Document:
    """What the newest good block of a signal is; its value is its rms."""
    if signal is None:
        return {}
    shape = {"peak": signal.peak, "crest": signal.crest, "kurtosis": signal.kurtosis}
    rounded = {name: float(f"{value:.6g}") for name, value in shape.items()}
    return {"signal": {"samples": len(signal.samples), "rate_hz": signal.rate_hz, **rounded}}


def decision(made: Decision, now_ms: int) -> Document:
    """``asset/<id>/decision``, not retained."""
    return head(now_ms) | {
        "id": made.id,
        "asset": made.asset,
        "event": made.event,
        "label": made.verdict.label,
        "policy": made.policy,
        "by": made.by,
        "mode": made.mode.value,
        "action": made.action or None,
        "value": made.value,
        "votes": made.votes or None,
        "refused": made.refused or None,
        "cause": made.verdict.cause or None,
        "verdict": _verdict(made.verdict),
    }


def explanation(tree: Mapping[str, object], now_ms: int) -> Document:
    """``asset/<id>/explanation``, retained: why the newest decision was made."""
    return head(now_ms) | dict(tree)


def _verdict(verdict: Verdict) -> Document:
    return {
        "at": rfc3339(verdict.at_ms),
        "rung": verdict.rung,
        "label": verdict.label,
        "score": verdict.score,
        "level": verdict.level,
        "model_version": verdict.model_version or None,
        "model_hash": verdict.model_hash or None,
        "coverage": round(verdict.coverage, 3),
        "interval": list(verdict.interval) if verdict.interval else None,
        "inputs": dict(verdict.inputs),
        "abstained": dict(verdict.abstained),
        "members": [dict(member) for member in verdict.members] or None,
        "remote": dict(verdict.remote) or None,
    }


def command(order: Command, now_ms: int) -> Document:
    """``asset/<id>/command``, not retained."""
    return head(now_ms) | {
        "id": order.id,
        "decision": order.decision_id,
        "by": order.by or None,
        "asset": order.asset,
        "action": order.action,
        "source": order.source,
        "device": order.device,
        "set": dict(order.set),
        "attempt": order.attempt,
        "state": order.state.value,
        "reason": order.reason or None,
        "evidence": order.evidence or None,
        "created": rfc3339(order.created_at_ms),
        "sent": None if order.sent_at_ms is None else rfc3339(order.sent_at_ms),
        "ended": None if order.ended_at_ms is None else rfc3339(order.ended_at_ms),
    }


Seen = tuple[Alert, Mapping[str, object] | None]
"""One rule that is raised, and who has seen it; None: nobody."""


def seen(watch: Watch, now_ms: int, mono_ms: int) -> list[Seen]:
    """What is raised on an asset now, in the order of its rules."""
    standing, asset = watch.policy.standing, watch.asset.id
    found = (
        (alert, standing.find(asset, Kind.ACKNOWLEDGE, alert.id, mono_ms))
        for alert in watch.policy.alerts()
    )
    return [(alert, interventions_told.shown(one, now_ms, mono_ms)) for alert, one in found]


def alert(asset: str, raised: Sequence[Seen], now_ms: int) -> Document:
    """``asset/<id>/alert``, retained: what is raised now, the newest that nobody has seen first."""
    if not raised:
        return head(now_ms) | {"asset": asset, "state": "clear"}
    first, *others = sorted(raised, key=lambda one: (one[1] is None, one[0].id), reverse=True)
    return (
        head(now_ms)
        | {"asset": asset, "state": "raised"}
        | _alert(first)
        | {"others": [_alert(one) for one in others]}
    )


def _alert(one: Seen) -> Document:
    alert, acknowledged = one
    return {
        "label": alert.label,
        "since": rfc3339(alert.since_ms),
        "decision": alert.id,
        "acknowledged": acknowledged,
    }


def maintenance(asset: str, causes: Sequence[Document], now_ms: int) -> Document:
    """``asset/<id>/maintenance``, retained: what drifted; commands nothing."""
    state = "raised" if causes else "clear"
    return head(now_ms) | {"asset": asset, "state": state, "causes": list(causes)}


def health(state: str, now_ms: int, parts: Mapping[str, object]) -> Document:
    """``health``, retained."""
    return head(now_ms) | {"state": state} | dict(parts)
