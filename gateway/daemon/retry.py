"""Retry: a command of a policy that came to nothing is given again, where the file says so.

Each is a command of its own, with a record of its own, and passes every limit. It is for absolute
values, and every order is one: a device that obeyed unheard does nothing twice. What ends it: the
alert is over, a person intervened, a limit refused, or this process ended. Of a command that was
open when the gateway died nobody knows the outcome, so it is asked about and never given again.
"""

import asyncio
from typing import Final, NamedTuple

import structlog

from gateway.core.assets import PolicyRule
from gateway.core.commands import Command
from gateway.core.limits import By
from gateway.core.policy_memory import locked
from gateway.core.verdicts import Decision, Mode
from gateway.core.watch import Watch
from gateway.daemon.act import Act
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.site import Site

LOOK_S: Final = 0.5
"""While retries wait, their time is looked at this often."""

log = structlog.get_logger()


class Chain(NamedTuple):
    """A decision whose command may be given again."""

    decision: Decision
    alert: str
    """The decision that raised its policy."""
    attempt: int
    due_mono_ms: int = 0


class Retry:
    """The retries of one site."""

    def __init__(self, site: Site, act: Act, docket: Docket, clock: Clock) -> None:
        """Nothing was commanded yet."""
        self.site = site
        self._act = act
        self._docket = docket
        self._clock = clock
        self._open: dict[str, Chain] = {}
        """By the id of the command that is on its way."""
        self._due: list[Chain] = []
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Commands that will be given again."""
        return len(self._due)

    def commanded(self, decision: Decision, command: Command) -> None:
        """A command is made."""
        found = self._rule(decision)
        if command.by == By.POLICY and found is not None and found[1].retry is not None:
            watch, rule = found
            alert = watch.policy.alert_of(rule.name)
            self._open[command.id] = Chain(decision, alert, command.attempt)

    def ended(self, command: Command) -> None:
        """A command has its outcome."""
        chain = self._open.pop(command.id, None)
        found = None if chain is None else self._rule(chain.decision)
        if chain is None or found is None or found[1].retry is None:
            return
        retry = found[1].retry
        if command.state.value not in retry.on or chain.attempt > retry.times:
            return
        due = self._clock.mono_ms() + retry.after_ms
        self._due.append(chain._replace(attempt=chain.attempt + 1, due_mono_ms=due))
        self._changed.set()

    def intervened(self, asset: str) -> None:
        """A person did something about an asset, empty: about all: it is theirs now."""
        for chain in self._due:
            if asset in ("", chain.decision.asset):
                self._over(chain, "a person intervened")
        self._due = [one for one in self._due if asset not in ("", one.decision.asset)]
        for command_id, chain in list(self._open.items()):
            if asset in ("", chain.decision.asset):
                del self._open[command_id]

    def close(self) -> None:
        """The gateway is being stopped: nothing is given again."""
        self._due.clear()
        self._open.clear()

    async def run(self) -> None:
        """Give again what is due, for ever."""
        while True:
            if not self._due:
                self._changed.clear()
                await self._changed.wait()
            await asyncio.sleep(LOOK_S)
            now_ms = self._clock.mono_ms()
            ready = [chain for chain in self._due if chain.due_mono_ms <= now_ms]
            self._due = [chain for chain in self._due if chain.due_mono_ms > now_ms]
            for chain in ready:
                await self._again(chain)

    async def _again(self, chain: Chain) -> None:
        found = self._rule(chain.decision)
        why = "no longer in the configuration" if found is None else self._past(*found, chain)
        if found is None or why:
            self._over(chain, why)
            return
        refused = self._refusal(*found)
        decision = chain.decision
        log.info("command_retried", **_names(chain), refused=refused)
        await self._act.again(decision, chain.attempt, refused)

    def _past(self, watch: Watch, rule: PolicyRule, chain: Chain) -> str:
        """Why there is nothing to be given again any more; empty when there is."""
        policy, decision = watch.policy, chain.decision
        if not chain.alert or policy.alert_of(rule.name) != chain.alert:
            return "the alert is over"
        mode = policy.standing.mode(watch.asset.id, rule.name, rule.mode, self._clock.mono_ms())
        if mode is not Mode.ACT:
            return f"the mode is {mode.value}"
        deeds = ((one.asset, one.action) for one in self._docket.orders.all())
        if (decision.asset, decision.action) in deeds:
            return "another command is on its way"
        return ""

    def _refusal(self, watch: Watch, rule: PolicyRule) -> str:
        """What of the rule itself forbids it now; the limits are asked when it is made."""
        policy, mono_ms = watch.policy, self._clock.mono_ms()
        flags = policy.flags | policy.standing.flags(watch.asset.id, mono_ms)
        flag = next((f"flag {flag}" for flag in rule.flags if flag in flags), "")
        return flag or locked(rule, watch.latest.at(mono_ms))

    def _rule(self, decision: Decision) -> tuple[Watch, PolicyRule] | None:
        watch = self.site.watches.get(decision.asset)
        rules = () if watch is None else watch.asset.policy
        for rule in rules:
            if (
                watch is not None
                and rule.name == decision.policy
                and rule.action == decision.action
            ):
                return watch, rule
        return None

    def _over(self, chain: Chain, why: str) -> None:
        log.info("retry_ended", **_names(chain), reason=why)


def _names(chain: Chain) -> dict[str, object]:
    decision = chain.decision
    return {
        "decision_id": decision.id,
        "asset": decision.asset,
        "action": decision.action,
        "attempt": chain.attempt,
    }
