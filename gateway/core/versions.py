"""The life of a model's versions, as a table. Everything that changes which one judges lives here.

A model of the user's file is a ``Lineage``: the versions of it that are known, at most one of them
active (or active on probation), at most one of them a candidate. Every change is one value: what
was, and what is. The store keeps it as text, in the transaction that records the change, so a
gateway killed at any moment goes on with the one or with the other.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple, Self

from gateway.core.trials import Tally
from gateway.errors import IllegalTransitionError

NOTHING: Final = Tally()
STRIKES: Final = 2
"""A version that killed the worker this often is not loaded again."""


class State(StrEnum):
    """Where a version stands."""

    LOADING = "loading"
    SHADOW = "shadow"
    """It judges the same windows as the active one; nobody acts on it."""
    READY = "ready"
    """It passed its trial and waits for the command."""
    ACTIVE = "active"
    PROBATION = "probation"
    """It is the active one, and watched."""
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    RETIRED = "retired"
    """It was active; it stays loadable."""


class Step(StrEnum):
    """What can happen to a version."""

    LOAD = "load"
    REFUSE = "refuse"
    STRIKE = "strike"
    PASS = "pass"  # noqa: S105  # an examination, not a word
    PROMOTE = "promote"
    PROVE = "prove"
    ROLL_BACK = "roll_back"
    RETIRE = "retire"
    RESTORE = "restore"
    DECLARE = "declare"
    """The user's file names it as the package."""
    TRY = "try"
    """The user's file names it as the candidate, with new rules or for the first time."""


_DECLARED: Final = {Step.DECLARE: State.ACTIVE}
_OUT: Final = {
    Step.DECLARE: State.ACTIVE,
    Step.TRY: State.LOADING,
    Step.RETIRE: State.RETIRED,
}
TRANSITIONS: Final[Mapping[State, Mapping[Step, State]]] = {
    State.LOADING: {
        Step.LOAD: State.SHADOW,
        Step.STRIKE: State.LOADING,
        Step.REFUSE: State.REFUSED,
        Step.RETIRE: State.RETIRED,
        **_DECLARED,
    },
    State.SHADOW: {
        Step.PASS: State.READY,
        Step.STRIKE: State.LOADING,
        Step.REFUSE: State.REFUSED,
        Step.PROMOTE: State.PROBATION,
        Step.RETIRE: State.RETIRED,
        Step.TRY: State.LOADING,
        **_DECLARED,
    },
    State.READY: {
        Step.STRIKE: State.LOADING,
        Step.REFUSE: State.REFUSED,
        Step.PROMOTE: State.PROBATION,
        Step.RETIRE: State.RETIRED,
        Step.TRY: State.LOADING,
        **_DECLARED,
    },
    State.PROBATION: {
        Step.PROVE: State.ACTIVE,
        Step.STRIKE: State.PROBATION,
        Step.ROLL_BACK: State.ROLLED_BACK,
        Step.RETIRE: State.RETIRED,
        **_DECLARED,
    },
    State.ACTIVE: {
        Step.ROLL_BACK: State.ROLLED_BACK,
        Step.RETIRE: State.RETIRED,
        **_DECLARED,
    },
    State.ROLLED_BACK: _OUT,
    State.REFUSED: _OUT,
    State.RETIRED: {**_OUT, Step.RESTORE: State.ACTIVE},
}
JUDGING: Final = frozenset({State.ACTIVE, State.PROBATION})
TRIED: Final = frozenset({State.LOADING, State.SHADOW, State.READY})


@dataclass(frozen=True, slots=True)
class Version:
    """One package of a model."""

    hash: str
    """Of everything that makes the package what it is, hex."""
    version: str
    """Its manifest's version."""
    path: str
    state: State = State.LOADING
    strikes: int = 0
    tally: Tally = NOTHING
    """Of its trial in shadow, or of its probation."""
    why: str = ""
    """Why it is refused or rolled back."""
    since_ms: int = 0
    """UTC epoch milliseconds of its last change."""


class Change(NamedTuple):
    """One version has another state."""

    model: str
    version: Version
    before: str
    """Its state before; empty when it was unknown."""
    active: str
    """Hash of the version that judges now; empty when none does."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The versions of one model, oldest first."""

    model: str
    declared: tuple[str, str, str] = ("", "", "")
    """What the file named when it was last read: package, candidate (hashes), rules (text)."""
    versions: tuple[Version, ...] = ()

    @property
    def active(self) -> Version | None:
        """The version that judges."""
        return next((one for one in self.versions if one.state in JUDGING), None)

    @property
    def candidate(self) -> Version | None:
        """The version on trial."""
        return next((one for one in self.versions if one.state in TRIED), None)

    @property
    def previous(self) -> Version | None:
        """The version that judged last before the active one."""
        retired = [one for one in self.versions if one.state is State.RETIRED and not one.why]
        return max(retired, key=lambda one: one.since_ms, default=None)

    def find(self, hash_: str) -> Version | None:
        """A version by its hash."""
        return next((one for one in self.versions if one.hash == hash_), None)

    def step(self, hash_: str, step: Step, at_ms: int, why: str = "") -> Self:
        """Move one version.

        Raises:
            IllegalTransitionError: it cannot make that step.
        """
        one = self.find(hash_)
        state = TRANSITIONS[one.state].get(step) if one else None
        if one is None or state is None:
            raise IllegalTransitionError(f"{self.model}: {one and one.state} cannot {step}")
        fresh = step in (Step.TRY, Step.LOAD, Step.PROMOTE, Step.DECLARE)
        moved = replace(
            one,
            state=state,
            strikes=one.strikes + (step is Step.STRIKE) if step is not Step.TRY else 0,
            tally=NOTHING if fresh else one.tally,
            why=why,
            since_ms=at_ms,
        )
        return self.put(moved)

    def put(self, version: Version) -> Self:
        """Exchange or add one version, as it is."""
        versions = tuple(version if one.hash == version.hash else one for one in self.versions)
        known = self.find(version.hash) is not None
        return replace(self, versions=versions if known else (*versions, version))

    def to_json(self) -> str:
        """Everything, as text for the store."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, model: str) -> Self:
        """Go on from ``to_json``; nothing is known when it is damaged."""
        try:
            tree = json.loads(text)
            versions = tuple(
                Version(**row | {"state": State(row["state"]), "tally": Tally(*row["tally"])})
                for row in tree["versions"]
            )
            package, candidate, rules = map(str, tree["declared"])
            kept = cls(model, (package, candidate, rules), versions)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(model)
        judging = [one for one in versions if one.state in JUDGING]
        return kept if len(judging) <= 1 else cls(model)


def changes(before: Lineage, after: Lineage) -> list[Change]:
    """What is to be recorded."""
    active = after.active.hash if after.active else ""
    found = []
    for one in after.versions:
        was = before.find(one.hash)
        if was is None or was.state is not one.state or was.strikes != one.strikes:
            found.append(Change(after.model, one, was.state.value if was else "", active))
    return found
