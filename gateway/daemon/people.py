"""People: what persons ask for on the ``set`` topics, done at once, and once only.

It holds from the moment it is heard, even while the store refuses; the answer says whether it was
recorded.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.core import wishes
from gateway.core.answered import Answered
from gateway.core.interventions import GATEWAY, MAINTENANCE, Intervention, Kind
from gateway.core.requests import LATE, Request, RequestError
from gateway.core.watch import Watch
from gateway.core.wishes import Times, Wish
from gateway.daemon.clock import Clock
from gateway.daemon.force import Force
from gateway.daemon.held import Held
from gateway.daemon.journal import Journal
from gateway.daemon.pulse import alive
from gateway.daemon.site import Site, ids

RECORD_S: Final = 5.0
"""An answer waits this long for its record."""

Data = dict[str, object]


class People:
    """What people ask for, of one site."""

    def __init__(
        self, site: Site, held: Held, force: Force, journal: Journal, clock: Clock
    ) -> None:
        """Nobody asked for anything."""
        self.site = site
        self._held = held
        self._force = force
        self._journal = journal
        self._clock = clock
        self._new_id = ids(clock)
        self._answered = Answered()

    def restore(self, keep: Mapping[str, Mapping[str, str]]) -> None:
        """Take up what held, and what was answered, before the daemon stopped; by room."""
        self._held.restore(keep["interventions"], alive(keep["daemon"].get("alive")))
        for name, text in keep["answers"].items():
            self._answered.restore(name, text, self._clock.mono_ms())

    async def answer(self, request: Request) -> Mapping[str, object]:
        """Do what is asked on a ``set`` topic, once.

        Raises:
            RequestError: it cannot be done; nothing was changed.
        """
        before = self._answered.find(request, self._clock.mono_ms())
        if before is not None:
            if before.error:
                raise RequestError(before.error)
            return {**before.data, "repeated": True}
        wish = wishes.read(request, request.asset, self._times())
        if request.late and not (wish.kind is Kind.STOP and wish.on):
            raise RequestError(LATE)  # but a stop is never too late
        watch = self._watch(wish.asset, request.name)
        if wish.kind is Kind.FORCE:
            assert watch is not None  # noqa: S101  # override goes with an asset
            return await self._forced(request, wish, watch)
        data = self._acknowledge(wish, watch) if wish.kind is Kind.ACKNOWLEDGE else self._set(wish)
        self._note(request, data, "")
        self._held.show(wish.asset)
        return {**data, "recorded": await self._recorded()}

    def _times(self) -> Times:
        clock = self._clock
        return Times(self.site.settings.people, clock.now_ms(), clock.ok())

    def _watch(self, asset: str, name: str) -> Watch | None:
        """The asset that a topic names.

        Raises:
            RequestError: there is none, or none should be named.
        """
        if asset == GATEWAY:
            if name not in ("stop", "mode"):
                raise RequestError(f"{name} goes with an asset: asset/<id>/{name}/set")
            return None
        if name == "stop":
            raise RequestError("a stop is of the whole gateway: stop/set; an asset has hold")
        wishes.known(asset, self.site.watches, "asset")
        return self.site.watches[asset]

    async def _forced(self, request: Request, wish: Wish, watch: Watch) -> Data:
        """Have an action done; the decision and the answer are one transaction."""
        decision = self._force.decide(wish, watch)
        data: Data = {
            "asset": wish.asset,
            "decision": decision.id,
            "action": decision.action,
            "value": decision.value,
        }
        error = f"refused: {decision.refused}" if decision.refused else ""
        self._note(request, data, error)
        one = replace(self._made(wish), policy=decision.policy)
        self._held.record(
            one, "refused" if error else "forced", decision=decision.id, why=error or None
        )
        state = await self._force.carry_out(decision, wish)
        recorded = await self._recorded()
        if error:
            raise RequestError(error)
        return {**data, "state": state, "recorded": recorded}

    def _acknowledge(self, wish: Wish, watch: Watch | None) -> Data:
        alerts = [] if watch is None else [alert.id for alert in watch.policy.alerts()]
        if wish.value:
            wishes.known(wish.value, alerts, "raised alert")
            alerts = [wish.value]
        if not alerts:
            raise RequestError(f"nothing is raised on {wish.asset}")
        made = [self._made(wish._replace(value=alert)) for alert in alerts]
        for one in made:
            self._held.put(one)
        return {"asset": wish.asset, "alerts": alerts} | self._held.told(made[-1])

    def _set(self, wish: Wish) -> Data:
        self._check(wish)
        head: Data = {"asset": wish.asset or None, wish.kind.value: wish.on}
        if wish.kind is Kind.MODE:
            head |= {"mode": wish.value, "policy": wish.policy or None}
        elif wish.kind is Kind.MAINTENANCE and wish.value != MAINTENANCE:
            head |= {"flag": wish.value}
        one = self._made(wish)
        if wish.on:
            self._held.put(one)
            return head | self._held.told(one)
        ended = self._held.end(one.key, ended_by=wish.author, why=wish.reason)
        return head | {"changed": ended}

    def _check(self, wish: Wish) -> None:
        """Refuse flags and policies that the file does not have.

        Raises:
            RequestError: it names those that there are.
        """
        watch = self.site.watches.get(wish.asset)
        rules = () if watch is None else watch.asset.policy
        if wish.kind is Kind.MAINTENANCE:
            known = {MAINTENANCE, *(flag for rule in rules for flag in rule.flags)}
            wishes.known(wish.value, known, "flag")
        if wish.policy:
            wishes.known(wish.policy, [rule.name for rule in rules], "policy")

    def _made(self, wish: Wish) -> Intervention:
        clock = self._clock
        return Intervention(
            id=self._new_id(),
            kind=wish.kind,
            asset=wish.asset,
            author=wish.author,
            reason=wish.reason,
            at_ms=clock.now_ms(),
            mono_ms=clock.mono_ms(),
            boot=clock.boot,
            for_ms=wish.for_ms,
            value=wish.value if wish.kind not in (Kind.HOLD, Kind.STOP) else "",
            policy=wish.policy,
            clock_ok=clock.ok(),
        )

    def _note(self, request: Request, data: Data, error: str) -> None:
        """Remember what is said, in the transaction of what was done."""
        mono_ms = self._clock.mono_ms()
        name = self._answered.note(request, data, error, mono_ms)
        kept = self._journal.batch.kept
        kept["answers", name] = self._answered.text(name)
        for gone in self._answered.forget(mono_ms):
            kept["answers", gone] = None
        self._journal.changed()

    async def _recorded(self) -> bool:
        """It is on the disk; not waited for when the store refuses."""
        if self._journal.trouble:
            return False
        try:
            async with asyncio.timeout(RECORD_S):
                await self._journal.committed()
        except TimeoutError:
            return False
        return True
