"""Limits: everything that forbids a command, whatever a model, a rule or a person says.

They are asked in the order of ``limits_order.ORDER``; the first that forbids is the refusal, and
it starts with the key of the file that says so. What is unknown forbids. They are asked when an
action is decided, when its command is made, and again before it is published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from gateway.core.assets import Action, Asset
from gateway.core.guards import Deed, Exclusion
from gateway.core.latest import Latest
from gateway.core.ledger import Ledger
from gateway.core.sights import Evidence, Moment


class By(StrEnum):
    """Who wants an action done."""

    POLICY = "policy"
    FAIL_SAFE = "fail_safe"
    PERSON = "person"


class Ask(NamedTuple):
    """What is to be done."""

    deed: Deed
    value: float | None = None
    by: By = By.POLICY
    command: str = ""
    """Its command, where it has one already: it does not stand in its own way."""


class Stands(Protocol):
    """What people have said of an asset and of the whole gateway."""

    @property
    def stopped(self) -> bool: ...  # noqa: D102
    @property
    def maintenance(self) -> bool: ...  # noqa: D102
    @property
    def hold(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Standing:
    """Nobody has said anything, unless it is given."""

    stopped: bool = False
    """The whole gateway commands nothing."""
    maintenance: bool = False
    hold: bool = False


def nobody(_asset: str) -> Stands:
    """No person stands in the way of anything."""
    return Standing()


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
    standing: Callable[[str], Stands] = nobody

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
