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

FAIL_SAFE: Final = "fail_safe"
"""Stands for a rule where an asset's fail-safe was done."""


def done(watch: Watch, on_its_way: Collection[str]) -> Iterator[tuple[str, str]]:
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


def mark(watch: Watch, told: Collection[tuple[str, str]], unsure: Collection[str]) -> None:
    """Take up which rules another gateway has done.

    Args:
        watch: an asset that the other commands.
        told: what its book says is done.
        unsure: actions of the asset of which nobody has seen the command yet.
    """
    asset = watch.asset.id
    for rule, memory in watch.policy.remembered():
        memory.elsewhere = (asset, rule.name) in told and rule.action not in unsure
        memory.due = memory.due and not memory.elsewhere
    safe = watch.asset.fail_safe
    if (asset, FAIL_SAFE) in told and safe is not None and safe.action not in unsure:
        watch.failed_safe = True


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
