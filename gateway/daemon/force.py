"""Force: an action that a person asks for, decided and carried out like any other.

It passes every limit but a hold and a maintenance flag, which were made by people for machines.
"""

from gateway.core import wishes
from gateway.core.explanations import Explanation
from gateway.core.limits import By
from gateway.core.verdicts import FORCED, PERSON, Decision, Mode, Verdict
from gateway.core.watch import Watch
from gateway.core.wishes import Wish
from gateway.daemon.act import Act
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.explain import Explain
from gateway.daemon.permits import Permits
from gateway.daemon.site import Site, ids


class Force:
    """Forced actions, of one site."""

    def __init__(
        self,
        site: Site,
        act: Act,
        docket: Docket,
        permits: Permits,
        explain: Explain,
        clock: Clock,
    ) -> None:
        """Nobody forced anything."""
        self.site = site
        self._act = act
        self._docket = docket
        self._permits = permits
        self._explain = explain
        self._clock = clock
        self._new_id = ids(clock)

    def decide(self, wish: Wish, watch: Watch) -> Decision:
        """The decision that a person's wish is, refused or not.

        Raises:
            RequestError: the asset has no such action.
        """
        asset = watch.asset
        wishes.known(wish.value, asset.actions, "action")
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        refused = watch.policy.interlock(wish.value, watch.latest.at(mono_ms))
        refused = refused or self._permits.action(asset.id, wish.value, wish.number, By.PERSON)
        known = {name: watch.latest.known(name) for name in asset.metrics}
        verdict = Verdict(
            asset=asset.id,
            at_ms=now_ms,
            mono_ms=mono_ms,
            rung=f"{PERSON}{wish.author}",
            label=FORCED,
            inputs={name: one.value for name, one in known.items() if one is not None},
        )
        return Decision(
            id=self._new_id(),
            asset=asset.id,
            policy=f"{asset.id}/person",
            event=FORCED,
            mode=Mode.ACT,
            action=wish.value,
            verdict=verdict,
            refused=refused,
            value=wish.number,
        )

    async def carry_out(self, decision: Decision, wish: Wish) -> str:
        """Record it and send its command; where the command stands."""
        await self._act.carry_out([decision])
        why = f"forced by {wish.author}" + (f": {wish.reason}" if wish.reason else "")
        self._explain.offer(decision, Explanation("person", (why,)))
        made = (one for one in self._docket.orders.all() if one.decision_id == decision.id)
        return next((one.state.value for one in made), "refused")
