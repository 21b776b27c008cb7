"""What a policy rule remembers between verdicts, and what locks it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from gateway.core.assets import PolicyRule
from gateway.core.rules import View, evaluate


@dataclass(slots=True)
class Memory:
    """What a rule remembers between verdicts."""

    votes: deque[bool]
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

    def plain(self) -> dict[str, object]:
        """What must survive a restart."""
        saved = {one.name: getattr(self, one.name) for one in fields(self)}
        return saved | {"votes": [int(vote) for vote in self.votes]}

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
        self.votes.extend(bool(vote) for vote in (votes if isinstance(votes, list) else ()))
        for key, value in saved.items():
            if key in _FIELDS:
                setattr(self, key, value)
        if saved.get("acted_mono_ms") is not None:
            self.acted_ms = _NOW
        return same


_FIELDS: Final = {one.name for one in fields(Memory)} - {"votes"}
_NOW: Final = 1 << 62
"""A running time that no clock reaches: as long ago as possible for a limit to hold."""


def locked(rule: PolicyRule, view: View) -> str:
    """The interlock of a rule that forbids its action now; empty when none does."""
    for lock in rule.unless:
        if evaluate(lock, view) is not False:
            return f"unless {lock.text}"
    for lock in rule.only_if:
        if evaluate(lock, view) is not True:
            return f"only_if {lock.text}"
    return ""
