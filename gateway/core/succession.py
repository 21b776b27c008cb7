"""Succession: how the policies of one gateway go on where another one's have stopped.

While another gateway commands an asset, its policies here are muted: they run in ``shadow``, so
what they want stays due. The other's *book* tells which rules are raised there and done, and each
of its commands; what is still due when we take over was never sent.
"""

from collections.abc import Collection, Iterator
from typing import Final

from gateway.core.policy import Permit, Policy
from gateway.core.rules import View
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.core.watch import Watch

Pair = tuple[str, str]
"""An asset, and one of its policy's rules."""
FAIL_SAFE: Final = "fail_safe"
"""Stands for a rule where an asset's fail-safe was done."""


def done(watch: Watch, on_its_way: Collection[str]) -> Iterator[Pair]:
    """(asset, rule) of what is raised, and done.

    Args:
        watch: an asset that is ours.
        on_its_way: actions of the asset whose command has not left yet.
    """
    asset = watch.asset.id
    for rule, memory in watch.policy.remembered():
        sent = memory.raised and not memory.due and rule.action
        if sent and rule.action not in on_its_way:
            yield asset, rule.name
    safe = watch.asset.fail_safe
    if watch.failed_safe and safe is not None and safe.action not in on_its_way:
        yield asset, FAIL_SAFE


def commanded(policy: Policy, action: str, running_ms: int) -> None:
    """Another gateway sent this action: the time between two of them counts from there."""
    for rule, memory in policy.remembered():
        if rule.action == action:
            memory.acted_ms = max(memory.acted_ms or 0, running_ms)
            memory.acted_mode = Mode.ACT.value


def mark(watch: Watch, new: Collection[Pair], over: Collection[Pair], running_ms: int) -> None:
    """Take up which rules another gateway has done.

    Args:
        watch: an asset that the other commands.
        new: what its book says is done, and did not say before.
        over: what it said before, and does not say any more.
        running_ms: now.
    """
    asset = watch.asset.id
    for rule, memory in watch.policy.remembered():
        if (asset, rule.name) in new:
            memory.elsewhere_ms, memory.due = running_ms, False
        elif (asset, rule.name) in over:
            memory.elsewhere_ms = None
    if (asset, FAIL_SAFE) in new:
        watch.failed_safe = True


def pairs(watch: Watch, action: str) -> Iterator[Pair]:
    """(asset, rule) of everything on an asset that does this action."""
    asset, safe = watch.asset.id, watch.asset.fail_safe
    yield from ((asset, rule.name) for rule in watch.asset.policy if rule.action == action)
    if safe is not None and safe.action == action:
        yield asset, FAIL_SAFE


def succeed(policy: Policy, verdict: Verdict, view: View, permit: Permit) -> Iterator[Decision]:
    """What is to be decided now that the asset is ours, before anything new is heard.

    An alert that is raised and not due is ours from now on, and shown; it was told before.
    """
    policy.permit = permit
    for rule, memory in policy.remembered():
        if not memory.raised:
            continue
        if memory.due and verdict.label == rule.when:
            made = policy.attempt(rule, memory, verdict, view, "repeated")
            if made is not None:
                yield made
        elif not memory.due and memory.told == Mode.SHADOW:
            memory.told = memory.mode = rule.mode.value
