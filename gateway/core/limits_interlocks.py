"""Interlocks: what must be so, or must not be so, on the machines themselves.

Only evidence that is fresh and good counts. An action counts as in force while a command of it is
on its way, and until evidence that is newer than its end shows that it is not.
"""

from collections.abc import Iterable

from gateway.core.guards import Deed
from gateway.core.limits import Ask, Limits, path
from gateway.core.messages import Reason
from gateway.core.proofs import proves
from gateway.core.readings import Reading
from gateway.core.rules import evaluate
from gateway.core.sights import Evidence, Moment


def only_if(limits: Limits, ask: Ask, moment: Moment) -> str:
    """All of its conditions are true."""
    evidence = limits.evidence(ask.deed.asset, moment)
    for rule in limits.action(ask.deed).guard.only_if:
        found = evaluate(rule, evidence)
        if found is not True:
            return f"{path(ask.deed)}.only_if {rule.text}{_unknown(found)}"
    return ""


def unless(limits: Limits, ask: Ask, moment: Moment) -> str:
    """None of its conditions is true."""
    evidence = limits.evidence(ask.deed.asset, moment)
    for rule in limits.action(ask.deed).guard.unless:
        found = evaluate(rule, evidence)
        if found is not False:
            return f"{path(ask.deed)}.unless {rule.text}{_unknown(found)}"
    return ""


def _unknown(found: object) -> str:
    return ": unknown" if found is None else ""


def never_with(limits: Limits, ask: Ask, moment: Moment) -> str:
    """None of the actions it must not meet is in force."""
    for deed in limits.action(ask.deed).guard.never_with:
        why = in_force(limits, deed, moment, ask.command)
        if why:
            return f"{path(ask.deed)}.never_with {deed}: {why}"
    return ""


def exclusions(limits: Limits, ask: Ask, moment: Moment) -> str:
    """Few enough of the other actions of its exclusions are in force."""
    for exclusion in limits.exclusions:
        if ask.deed not in exclusion.of:
            continue
        others = (deed for deed in exclusion.of if deed != ask.deed)
        held = list(_held(limits, others, moment, ask.command))
        if len(held) >= exclusion.at_most:
            return f"exclusions.{exclusion.name} at_most {exclusion.at_most}: {', '.join(held)}"
    return ""


def _held(limits: Limits, deeds: Iterable[Deed], moment: Moment, command: str) -> Iterable[str]:
    for deed in deeds:
        why = in_force(limits, deed, moment, command)
        if why:
            yield f"{deed} {why}"


def in_force(limits: Limits, deed: Deed, moment: Moment, command: str = "") -> str:
    """Why an action counts as in force; empty when evidence shows that it is not."""
    uses = list(limits.ledger.of(deed, command))
    if any(use.ended_ms is None for use in uses):
        return "is on its way"
    evidence = limits.evidence(deed.asset, moment)
    undone, metrics = _undone(limits, deed, evidence)
    if undone is None:
        return "may be in force: unknown"
    if not undone:
        return "is in force"
    ended_ms = max((use.ended_ms or 0 for use in uses), default=None)
    if ended_ms is None:
        return ""
    seen = [evidence.seen_ms(metric) for metric in metrics]
    late = any(seen_ms is None or seen_ms <= ended_ms for seen_ms in seen)
    return "may be in force: nothing newer is known" if late else ""


def _undone(limits: Limits, deed: Deed, evidence: Evidence) -> tuple[bool | None, Iterable[str]]:
    """Whether evidence shows that an action is not in force, and the metrics that it rests on."""
    action = limits.action(deed)
    rule, proof = action.guard.undone_if, action.proof
    if rule is not None:
        found = evaluate(rule, evidence)
        return (None if found is None else found is True), rule.metrics
    if proof is None:
        return None, ()
    value = evidence.value(proof.metric)
    if value is None or (isinstance(value, str) and proof.equals is None):
        return None, (proof.metric,)
    metric = limits.assets[deed.asset].metrics[proof.metric]
    return not proves(proof, Reading(metric, value, Reason.OK)), (proof.metric,)
