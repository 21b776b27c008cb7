"""What a policy rule remembers between verdicts, and what locks it."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

from gateway.core.assets import Asset, PolicyRule, cloud_rungs
from gateway.core.rules import View, evaluate

ELSEWHERE: Final = "fleet: done by another gateway"
ELSEWHERE_MS: Final = 600_000
"""What is raised here later is another alarm: better done twice than never."""


@dataclass(slots=True)
class Memory:
    """What a rule remembers between verdicts."""

    votes: deque[bool]
    firm: deque[bool]
    """The same without the votes of clouds that may only advise."""
    when: str
    """The label that it is about: a rule is known by its place in the file, which may change."""
    raised: bool = False
    due: bool = False
    """Its action has not been sent yet since it was raised."""
    refused: str = ""
    """The last limit that refused it, so that a refusal is decided once, not with each hit."""
    mode: str = ""
    """How far it might go when it was last decided."""
    told: str = ""
    """The most it might do since it was raised: in ``shadow`` nobody was told."""
    alert: str = ""
    """The decision that raised it."""
    acted_ms: int | None = None
    """Running time when its action was done, or advised, last."""
    acted_mode: str = ""
    since_ms: int | None = None
    elsewhere_ms: int | None = None
    """Running time when another gateway of the fleet told that it has raised and done it."""

    def elsewhere(self, now_ms: int) -> bool:
        """What raises it now raised it there, and was done: both judge the same readings."""
        return self.elsewhere_ms is not None and now_ms - self.elsewhere_ms < ELSEWHERE_MS

    def calm(self, rule: PolicyRule) -> None:
        """What another gateway saw is over: it would be cleared by now."""
        recent = last(self.votes, rule.clear_of)
        if len(recent) == rule.clear_of and recent.count(False) >= rule.clear_hits:
            self.elsewhere_ms = None

    @classmethod
    def of(cls, rule: PolicyRule) -> Self:
        """Nothing was voted yet."""
        depth = max(rule.of, rule.clear_of)
        return cls(deque(maxlen=depth), deque(maxlen=depth), rule.when)

    def vote(self, *, hit: bool, advises: bool) -> None:
        """Count a verdict; one that only advises is no hit for what acts."""
        self.votes.append(hit)
        self.firm.append(hit and not advises)

    def forget(self) -> None:
        """Begin to count anew."""
        self.votes.clear()
        self.firm.clear()
        self.elsewhere_ms = None

    def advised(self, rule: PolicyRule, asset: str) -> str:
        """Why it may not act: too few hits are of who may; empty where there are enough."""
        if sum(last(self.firm, rule.of)) >= rule.hits:
            return ""
        return f"assets.{asset}.verdicts: a cloud without may_act only advises"

    def plain(self) -> dict[str, object]:
        """What must survive a restart."""
        saved = {one.name: getattr(self, one.name) for one in fields(self)}
        votes = {name: [int(vote) for vote in saved[name]] for name in _VOTES}
        return saved | votes

    def restore(self, saved: Mapping[str, object]) -> bool:
        """Take up what ``plain`` gave, of this version or an earlier one.

        One that noted the clocks of a boot does not tell running time: it was done just now.

        Returns:
            False: it is about another label, so only when it acted is taken up.
        """
        same = saved.get("when", self.when) == self.when
        if not same:
            saved = {key: saved[key] for key in ("acted_ms", "acted_mode") if key in saved}
        votes = saved.get("votes")
        for into, some in ((self.votes, votes), (self.firm, saved.get("firm", votes))):
            into.extend(bool(vote) for vote in (some if isinstance(some, list) else ()))
        for key, value in saved.items():
            if key in _FIELDS:
                setattr(self, key, value)
        if saved.get("acted_mono_ms") is not None:
            self.acted_ms = _NOW
        return same


_VOTES: Final = ("votes", "firm")
_FIELDS: Final = {one.name for one in fields(Memory)} - set(_VOTES)
_NOW: Final = 1 << 62
"""A running time that no clock reaches: as long ago as possible for a limit to hold."""


def last(votes: Sequence[bool], count: int) -> list[bool]:
    """The newest votes."""
    return list(votes)[-count:]


def advisers(asset: Asset) -> frozenset[str]:
    """The rungs of a ladder whose verdicts only advise."""
    return frozenset(rung.name for rung in cloud_rungs(asset.ladder) if not rung.may_act)


def locked(rule: PolicyRule, view: View) -> str:
    """The interlock of a rule that forbids its action now; empty when none does."""
    for lock in rule.unless:
        if evaluate(lock, view) is not False:
            return f"unless {lock.text}"
    for lock in rule.only_if:
        if evaluate(lock, view) is not True:
            return f"only_if {lock.text}"
    return ""
