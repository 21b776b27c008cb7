"""Limits: everything that forbids a command, whatever a model, a rule or a person says.

They are asked in the order of ``limits_order.ORDER``; the first that forbids is the refusal, and
it starts with the key of the file that says so. What is unknown forbids. They are asked when an
action is decided, when its command is made, and again before it is published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from gateway.core.assets import Action, Asset
from gateway.core.guards import Deed, Exclusion
from gateway.core.interventions import Standing
from gateway.core.latest import Latest
from gateway.core.ledger import Ledger
from gateway.core.sights import Evidence, Moment


class By(StrEnum):
    """Who wants an action done."""

    POLICY = "policy"
    FAIL_SAFE = "fail_safe"
    PERSON = "person"

    @classmethod
    def of(cls, decided_by: str) -> "By":
        """Of the word of a decision: ``policy``, ``fail_safe`` or ``person:<author>``."""
        return cls(decided_by.partition(":")[0])


class Ask(NamedTuple):
    """What is to be done."""

    deed: Deed
    value: float | None = None
    by: By = By.POLICY
    command: str = ""
    """Its command, where it has one already: it does not stand in its own way."""


@dataclass(slots=True)
class Limits:
    """The limits of one configuration, over what is known and what was sent."""

    assets: Mapping[str, Asset]
    exclusions: Sequence[Exclusion]
    per_minute: int
    ledger: Ledger
    latest: Mapping[str, Latest]
    since_mono_ms: int
    """Nothing that was received before this counts as evidence."""
    order: Sequence["Limit"]
    """``limits_order.ORDER``: what is asked, in this order."""
    standing: Standing = field(default_factory=Standing)
    """What people decided that holds now."""

    def refusal(self, ask: Ask, moment: Moment) -> str:
        """The first limit that forbids an action now; empty when none does."""
        for limit in self.order:
            said = "" if ask.by in limit.spares else limit.says(self, ask, moment)
            if said:
                return said
        return ""

    def action(self, deed: Deed) -> Action:
        """An action that is on the list."""
        return self.assets[deed.asset].actions[deed.action]

    def evidence(self, asset: str, moment: Moment) -> Evidence:
        """What is known of an asset, fresh and good."""
        return Evidence(self.latest, asset, self.since_mono_ms, moment)


class Limit(NamedTuple):
    """One thing that may forbid."""

    name: str
    """As in the file, or the word for what people said."""
    says: Callable[[Limits, Ask, Moment], str]
    spares: frozenset[By] = frozenset()
    """For whom it does not hold."""


def path(deed: Deed) -> str:
    """Where an action is in the file."""
    return f"assets.{deed.asset}.actions.{deed.action}"
