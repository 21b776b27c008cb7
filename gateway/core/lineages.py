"""Moves of a whole lineage: what the file declares, promotion, rollback, strikes.

Each takes a lineage that has at most one active version and at most one candidate, and gives one.
"""

from dataclasses import replace
from typing import Final

from gateway.core.trials import Rules, compared, proved
from gateway.core.versions import (
    JUDGING,
    STRIKES,
    TRANSITIONS,
    TRIED,
    Lineage,
    State,
    Step,
    Version,
)

FORGOTTEN: Final = frozenset({State.RETIRED, State.ROLLED_BACK, State.REFUSED})


class NotNowError(Exception):
    """The command cannot be done as things stand; the message says why."""


def declare(
    lineage: Lineage,
    package: Version | None,
    candidate: Version | None,
    rules: str,
    at_ms: int,
    keep: int = 2,
    *,
    delivered: bool = False,
) -> Lineage:
    """The file was read: a file that says what it said before changes nothing.

    Args:
        lineage: what is known.
        package: what ``package`` names; None when it cannot be trusted.
        candidate: what ``candidate`` names; None without one, or when it cannot be trusted.
        rules: the candidate's rules as text: new rules are a new trial.
        at_ms: now, UTC epoch milliseconds.
        keep: how many versions that were active before stay loadable.
        delivered: the candidate comes from elsewhere, and the file does not know it: ``package`` is
            only what it began with, and a version that was tried once is not tried again.
    """
    named = package.hash if package else lineage.declared[0]
    declared = (named, candidate.hash if candidate else "", rules)
    now = _known(lineage, package, candidate)
    if declared != lineage.declared:
        now = replace(now, declared=declared)
        if not (delivered and _stays(lineage, package)):
            now = _activated(now, package, candidate, at_ms)
        tried = candidate and not (delivered and _over(now, candidate))
        now = _tried(now, candidate if tried else None, at_ms)
    return _forgotten(now, keep)


def _known(lineage: Lineage, *named: Version | None) -> Lineage:
    """Where the packages are now."""
    for version in named:
        one = lineage.find(version.hash) if version else None
        if version and one:
            lineage = lineage.put(replace(one, path=version.path, version=version.version))
    return lineage


def _activated(
    lineage: Lineage, package: Version | None, candidate: Version | None, at_ms: int
) -> Lineage:
    """What the file calls the package judges, unless the candidate it names was promoted."""
    active = lineage.active
    if package is None or (active and active.hash == package.hash):
        return lineage
    stays = active and candidate and active.hash == candidate.hash and lineage.find(package.hash)
    if stays:
        return lineage
    if active:
        lineage = lineage.step(active.hash, Step.RETIRE, at_ms)
    if lineage.find(package.hash) is None:
        lineage = lineage.put(package)
    return lineage.step(package.hash, Step.DECLARE, at_ms)


def _stays(lineage: Lineage, package: Version | None) -> bool:
    """What judges came after what the file named then, and names now."""
    return (
        lineage.active is not None and package is not None and package.hash == lineage.declared[0]
    )


def _over(lineage: Lineage, candidate: Version) -> bool:
    """This version had its trial, and did not just leave the file in the middle of it."""
    one = lineage.find(candidate.hash)
    return (
        one is not None and one.state in FORGOTTEN and not (one.state is State.RETIRED and one.why)
    )


def _tried(lineage: Lineage, candidate: Version | None, at_ms: int) -> Lineage:
    """One version at most is on trial: the one the file names."""
    on_trial = lineage.candidate
    if on_trial and (candidate is None or on_trial.hash != candidate.hash):
        lineage = lineage.step(on_trial.hash, Step.RETIRE, at_ms, "no longer in the file")
    if candidate is None:
        return lineage
    one = lineage.find(candidate.hash)
    if one is None:
        return lineage.put(replace(candidate, state=State.LOADING, since_ms=at_ms))
    if one.state in JUDGING or one.state is State.LOADING:
        return lineage
    return lineage.step(one.hash, Step.TRY, at_ms)


def _forgotten(lineage: Lineage, keep: int) -> Lineage:
    """Of what is over, the newest ``keep`` are remembered, and what the file names."""
    over = [
        one
        for one in lineage.versions
        if one.state in FORGOTTEN and one.hash not in lineage.declared
    ]
    drop = {one.hash for one in sorted(over, key=lambda one: -one.since_ms)[keep:]}
    return replace(lineage, versions=tuple(one for one in lineage.versions if one.hash not in drop))


def promote(lineage: Lineage, at_ms: int, *, force: bool = False) -> Lineage:
    """The candidate judges from now on, on probation; the active version retires.

    Raises:
        NotNowError: there is no candidate, or it has not passed its trial (``force`` waives that).
    """
    one = lineage.candidate
    if one is None:
        raise NotNowError(f"model {lineage.model} has no candidate")
    if one.state is State.LOADING:
        raise NotNowError(f"candidate {one.version} is not loaded yet")
    if one.state is State.SHADOW and not force:
        raise NotNowError(
            f"candidate {one.version} is still in shadow ({one.tally.windows} windows);"
            " wait, or force it"
        )
    if lineage.active:
        lineage = lineage.step(lineage.active.hash, Step.RETIRE, at_ms)
    return lineage.step(one.hash, Step.PROMOTE, at_ms)


def roll_back(lineage: Lineage, at_ms: int, why: str) -> Lineage:
    """The previous version judges again.

    Raises:
        NotNowError: there is none.
    """
    active, previous = lineage.active, lineage.previous
    if previous is None:
        raise NotNowError(f"model {lineage.model} has no previous version")
    if active:
        lineage = lineage.step(active.hash, Step.ROLL_BACK, at_ms, why)
    return lineage.step(previous.hash, Step.RESTORE, at_ms)


def struck(lineage: Lineage, hash_: str, at_ms: int, why: str) -> Lineage:
    """A version killed the worker: it is tried once more, then never again."""
    one = lineage.find(hash_)
    if one is None or one.state is State.ACTIVE or Step.STRIKE not in TRANSITIONS[one.state]:
        return lineage
    lineage = lineage.step(hash_, Step.STRIKE, at_ms, why)
    strikes = one.strikes + 1
    if strikes < STRIKES:
        return lineage
    said = f"killed the worker {strikes} times: {why}"
    if one.state is State.PROBATION:
        return roll_back(lineage, at_ms, said) if lineage.previous else lineage
    return lineage.step(hash_, Step.REFUSE, at_ms, said)


def judged(lineage: Lineage, rules: Rules, at_ms: int) -> Lineage:
    """Windows were counted: is a trial over?"""
    one = lineage.candidate
    if one and one.state is State.SHADOW:
        outcome = compared(one.tally, rules)
        if outcome.faults:
            lineage = lineage.step(one.hash, Step.REFUSE, at_ms, "; ".join(outcome.faults))
        elif outcome.ended:
            lineage = lineage.step(one.hash, Step.PASS, at_ms)
            lineage = promote(lineage, at_ms) if rules.auto else lineage
    active = lineage.active
    if active and active.state is State.PROBATION:
        outcome = proved(active.tally, rules)
        if outcome.faults and lineage.previous:
            return roll_back(lineage, at_ms, "; ".join(outcome.faults))
        if outcome.ended:
            return lineage.step(active.hash, Step.PROVE, at_ms, "; ".join(outcome.faults))
    return lineage


def lost(lineage: Lineage, hash_: str, at_ms: int, why: str) -> Lineage:
    """A version's package cannot be loaded (any more)."""
    one = lineage.find(hash_)
    if one is None:
        return lineage
    if one.state in TRIED:
        return lineage.step(hash_, Step.REFUSE, at_ms, why)
    if one.state in JUDGING and lineage.previous:
        return roll_back(lineage, at_ms, why)
    return lineage
