"""Policies and fail-safes, from the user's words to the nouns of the core."""

from gateway.config.assets import AssetSection, FailSafeSection, PolicySection, RetrySection
from gateway.core.assets import FailSafe, PolicyRule, Retry
from gateway.core.grammar import Name

ALWAYS_FLAGS = ("maintenance",)
"""Flags every asset has."""


def policy(name: str, entry: PolicySection, asset: AssetSection) -> PolicyRule:
    """One policy; its bare words are flags."""
    clear = entry.clear or (entry.for_.of, entry.for_.of)
    flags = tuple(lock.text for lock in entry.unless if flag(lock.node, asset))
    return PolicyRule(
        name=name,
        when=entry.when,
        hits=entry.for_.hits,
        of=entry.for_.of,
        clear_hits=clear[0],
        clear_of=clear[1],
        action=entry.do,
        value=entry.with_,
        mode=entry.mode,
        min_interval_ms=entry.min_interval or 0,
        unless=tuple(lock for lock in entry.unless if not flag(lock.node, asset)),
        only_if=entry.only_if,
        flags=flags,
        retry=_retry(entry.retry) if entry.retry else None,
    )


def _retry(entry: RetrySection) -> Retry:
    return Retry(entry.times, entry.after, frozenset(entry.on))


def fail_safe(safe: FailSafeSection) -> FailSafe:
    """One fail-safe."""
    return FailSafe(
        after_ms=safe.after,
        action=safe.do,
        mode=safe.mode,
        value=safe.with_,
        worker_ms=safe.worker,
        on_stop=safe.on_stop,
        death_ms=safe.on_death,
    )


def flag(node: object, asset: AssetSection) -> str:
    """The flag that an interlock is, when it is one bare word and no metric; else empty."""
    known = (*ALWAYS_FLAGS, *asset.flags)
    named = isinstance(node, Name) and node.metric in known and node.metric not in asset.metrics
    return node.metric if named and isinstance(node, Name) else ""
