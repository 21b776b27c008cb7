"""Causes: what made a fail-safe due. The first word is one of a few; what follows is for people.

``stale: power, temperature``, ``worker: no model can be asked for 75s``, ``unanswered: rule:1
unknown``, ``stop: the gateway is being stopped``, ``death: the gateway was dead for 60s``.
"""

from collections.abc import Iterator
from typing import Final

from gateway.core import durations
from gateway.core.assets import Asset, FailSafe, RuleRung, model_rungs
from gateway.core.messages import Quality
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.core.watch import Watch

STOP: Final = "stop: the gateway is being stopped"
OF_THE_PROCESS: Final = ("stop:", "death:", "worker:")
"""How the causes begin that are about the gateway, not about the asset."""
MOST: Final = 8
"""Metrics, and rungs, that are named."""


def due_mono_ms(watch: Watch) -> int | None:
    """When the fail-safe becomes due; None without one, and before any fresh evidence.

    Nothing is commanded after a start until something is known of the asset.
    """
    safe = watch.asset.fail_safe
    if safe is None or watch.latest.evidence_mono_ms is None:
        return None
    dues = [] if (worker := worker_due_mono_ms(watch)) is None else [worker]
    if not watch.failed_safe:
        dues.append(max(watch.answered_mono_ms or 0, watch.started_mono_ms) + safe.after_ms)
    due = min(dues, default=None)
    return max(due, watch.safe_again_mono_ms) if due is not None and watch.safe_refused else due


def worker_due_mono_ms(watch: Watch) -> int | None:
    """When the models were away for longer than the file allows; None: not, or done."""
    safe, since = watch.asset.fail_safe, watch.worker_down_mono_ms
    if safe is None or safe.worker_ms is None or since is None or watch.failed_without_worker:
        return None
    asks = next(model_rungs(watch.asset.ladder), None) is not None
    return max(since, watch.started_mono_ms) + safe.worker_ms if asks else None


def cause(watch: Watch, mono_ms: int) -> str:
    """Why nothing is known of an asset any more."""
    due = worker_due_mono_ms(watch)
    since = watch.worker_down_mono_ms
    if since is not None and due is not None and mono_ms >= due:
        return f"worker: no model can be asked for {_for(mono_ms - since)}"
    silent = [name for name in _inputs(watch) if _silent(watch, name, mono_ms)]
    if silent:
        return f"stale: {_few(silent)}"
    abstained = watch.verdict.abstained if watch.verdict is not None else {}
    if since is not None and any(why.startswith("worker") for why in abstained.values()):
        return f"worker: no model can be asked for {_for(mono_ms - since)}"
    said = [f"{rung} {why}" for rung, why in abstained.items()]
    return f"unanswered: {_few(said) or 'no rung'}"


def death(for_ms: int) -> str:
    """The gateway was away, and others did what it says for that."""
    return f"death: the gateway was dead for {_for(for_ms)}"


def _for(span_ms: int) -> str:
    seconds = max(0, span_ms) // 1000
    return durations.render(seconds * 1000) if seconds else "0s"


def _few(words: list[str]) -> str:
    return ", ".join(words[:MOST]) + (", ..." if len(words) > MOST else "")


def _silent(watch: Watch, metric: str, mono_ms: int) -> bool:
    """Nothing fresh came, as far as it is one of the asset's own."""
    quality, reason = watch.latest.quality(metric, mono_ms)
    return quality is not Quality.GOOD and reason in ("stale", "silent")


def _inputs(watch: Watch) -> list[str]:
    """The metrics that the ladder looks at, in the order of the file."""
    wanted = set(_named(watch.asset))
    for name, state in watch.models.items():
        if any(rung.model == name for rung in model_rungs(watch.asset.ladder)):
            wanted.update(state.columns)
    return [name for name in watch.asset.metrics if name in wanted]


def _named(asset: Asset) -> Iterator[str]:
    for rung in asset.ladder:
        if isinstance(rung, RuleRung):
            yield from rung.expression.metrics


def fail_safe_decision(asset: Asset, verdict: Verdict, new_id: str, refused: str = "") -> Decision:
    """What is done when no rung has answered for longer than the file allows."""
    safe = asset.fail_safe or FailSafe(0, mode=Mode.SHADOW)
    return Decision(
        id=new_id,
        asset=asset.id,
        policy=f"{asset.id}/fail_safe",
        event="fail_safe",
        mode=safe.mode,
        action=safe.action,
        verdict=verdict,
        refused=refused,
        value=safe.value,
    )
