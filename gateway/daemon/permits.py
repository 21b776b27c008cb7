"""Permits: whether an action may be done now, whoever asks for it.

They are asked three times: by what decides (a forbidden action stays due, and the decision on
record names the limit), when the command is made, and again right before it is published.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.core.assets import Action
from gateway.core.commands import Command
from gateway.core.guards import Deed
from gateway.core.interventions import Standing
from gateway.core.ledger import Ledger
from gateway.core.limits import Ask, By, Limit, Limits, path
from gateway.core.limits_order import ORDER
from gateway.core.messages import Device
from gateway.core.ports import Order
from gateway.core.sights import Moment
from gateway.core.verdicts import Decision, Mode
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site
from gateway.errors import EncodeError
from gateway.store.sent import History

ANY_ID: Final = "00000000-0000-7000-8000-000000000000"
"""An order that is never sent, for the bridges that want a UUID."""


class Permits:
    """The limits of the file, what people said, the bridges' own pre-flight, and the store."""

    def __init__(
        self,
        site: Site,
        journal: Journal,
        clock: Clock,
        history: History,
        standing: Standing | None = None,
        order: Sequence[Limit] = ORDER,
    ) -> None:
        """``history``: what was sent before this start, and the axis that it is on."""
        self._journal = journal
        self._clock = clock
        self._shift_ms = history.running_ms - clock.mono_ms()
        self._since_mono_ms = clock.mono_ms()
        self._standing = Standing() if standing is None else standing
        self._order = order
        self.ledger = Ledger()
        self.ledger.take(history.uses)
        self.site = site

    @property
    def site(self) -> Site:
        """What the limits are about."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        self._limits = Limits(
            assets=site.settings.assets,
            exclusions=site.settings.exclusions,
            per_minute=site.settings.limits.commands_per_minute,
            ledger=self.ledger,
            latest={name: watch.latest for name, watch in site.watches.items()},
            since_mono_ms=self._since_mono_ms,
            order=self._order,
            standing=self._standing,
        )
        for watch in site.watches.values():
            watch.policy.shift_ms = self._shift_ms

    def action(
        self, asset: str, action: str, value: float | None = None, by: By = By.POLICY
    ) -> str:
        """What forbids an action of an asset now; empty when nothing does."""
        return self._refusal(Ask(Deed(asset, action), value, by))

    def claim(self, by: By, asset: str, action: str, value: float | None) -> str:
        """As ``action``; what is allowed counts at once, until ``settle`` is called.

        So that of two decisions made together the second sees the first.
        """
        refused = self.action(asset, action, value, by)
        if not refused:
            self.ledger.grant(Deed(asset, action), value, self._moment().running_ms)
        return refused

    def listed(self, decision: Decision) -> Decision:
        """The decision; refused where a new file no longer has its asset or its action.

        What another gateway of the fleet commands is recorded here, and told to nobody.
        """
        muted = self._standing.muted.get(decision.asset)
        if muted is not None:
            return replace(decision, mode=Mode.SHADOW, refused=muted)
        asset = self._site.settings.assets.get(decision.asset)
        if not decision.action or (asset is not None and decision.action in asset.actions):
            return decision
        why = f"assets.{decision.asset}.actions: no {decision.action!r}"
        return replace(decision, refused=decision.refused or why)

    def decided(self, decision: Decision) -> str:
        """What forbids the command of a decision, which is about to be made."""
        deed = Deed(decision.asset, decision.action)
        self.ledger.redeem(deed)
        return self._refusal(Ask(deed, decision.value, By.of(decision.by)))

    @property
    def running_ms(self) -> int:
        """Now, on the axis of the ledger."""
        return self._moment().running_ms

    def settle(self) -> None:
        """Every decision that was claimed has been carried out, or will not be."""
        self.ledger.settle()

    def again(self, command: Command) -> str:
        """What forbids a command that was made before, and is about to leave.

        Of one found at a start nobody knows who wanted it: it is held against what holds for most.
        """
        deed, by = Deed(command.asset, command.action), By.of(command.by or By.POLICY)
        return self._refusal(Ask(deed, self.value(command), by, command.id))

    def note(self, command: Command) -> None:
        """A command has a new state."""
        self.ledger.note(command, self.value(command), self._moment().running_ms)

    def value(self, command: Command) -> float | None:
        """What a command was told, by the property that takes it."""
        asset = self._site.settings.assets.get(command.asset)
        action = None if asset is None else asset.actions.get(command.action)
        rule = None if action is None else action.value
        told = None if rule is None else command.set.get(rule.property)
        return float(told) if isinstance(told, int | float) else None

    def _refusal(self, ask: Ask) -> str:
        if self._journal.trouble:
            return f"store {self._journal.trouble}"
        if ask.deed.asset in self._standing.muted:
            return self._standing.muted[ask.deed.asset]
        return self._limits.refusal(ask, self._moment()) or self._preflight(ask)

    def _preflight(self, ask: Ask) -> str:
        action = self._limits.action(ask.deed)
        bridge = self._site.feeds[action.source].bridge
        deadline_ms = action.proof.within_ms if action.proof else action.deadline_ms
        order = Order(
            *(ANY_ID, action.device, action.said(ask.value), 0),
            options=action.options,
            deadline_ms=deadline_ms or 0,
        )
        try:
            bridge.encode(order)
        except EncodeError as error:
            return str(error)
        return "" if action.proof else _unshown(ask, order, bridge.device(action.device))

    def _moment(self) -> Moment:
        mono_ms = self._clock.mono_ms()
        return Moment(mono_ms, mono_ms + self._shift_ms, self._clock.now_ms(), self._clock.ok())


def any_order(action: Action) -> Order:
    """An order of an action that is never sent: for its topics, and for asking its device."""
    value = action.value.low if action.value else None
    return Order(ANY_ID, action.device, action.said(value), 0, options=action.options)


def _unshown(ask: Ask, order: Order, device: Device | None) -> str:
    """Of an action without a proof: the device must be able to show what was set."""
    known = {one.property: one for one in device.features} if device is not None else {}
    mute = [
        key
        for key in order.set
        if key in known and not (known[key].readable or known[key].gettable)
    ]
    if not mute:
        return ""
    return f"{path(ask.deed)}.proof: {order.device} never shows {mute[0]!r}; only a proof can"
