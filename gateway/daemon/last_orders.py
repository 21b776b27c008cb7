"""Last orders: what the file says is to be done when the gateway is stopped, before it goes.

Each is decided and recorded like any fail-safe, within the same limits, and its evidence is waited
for. Nothing else is decided meanwhile: no policy may undo it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from gateway.core import causes
from gateway.core.commands import State, Step
from gateway.core.verdicts import Decision
from gateway.core.watch import Watch
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.retry import Retry
from gateway.daemon.site import Site

SETTLE_S: Final = 2.0
EVIDENCE_S: Final = 8.0
"""Together with the rest of the stop it stays below the unit's TimeoutStopSec."""
LOOK_S: Final = 0.05

log = structlog.get_logger()


class LastOrders:
    """What is done at a stop."""

    def __init__(self, site: Site, decide: Decide, docket: Docket, retry: Retry) -> None:
        """Nobody stops yet."""
        self.site = site
        self._decide = decide
        self._docket = docket
        self._retry = retry
        self.spared: Callable[[str], bool] = lambda _asset: False
        """An asset goes on without us: another gateway of the fleet commands it."""

    async def give(self) -> None:
        """Do what is declared for a stop; returns within about ``SETTLE_S`` + ``EVIDENCE_S``."""
        watches = [one for one in self.site.watches.values() if not self.spared(one.asset.id)]
        if not any(map(_declared, watches)):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._decide.settled()
        self._decide.close()
        self._retry.close()
        due = [watch for watch in watches if _wanted(watch)]
        decisions = await self._decide.fail_safe(due, causes.STOP)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVIDENCE_S):
                while self._open(decisions):  # noqa: ASYNC110 - evidence has many ways in
                    await asyncio.sleep(LOOK_S)
        for command in self._docket.orders.waiting():
            self._docket.end(command, Step.EXPIRE, "not sent before the gateway stopped")
        left = self._open(decisions)
        if left:
            log.warning("last_orders_unproved", commands=left)

    def _open(self, decisions: Sequence[Decision]) -> list[str]:
        """The commands of these decisions whose outcome is not known yet."""
        ids = {one.id for one in decisions}
        sent = (State.SENT, State.ACCEPTED)
        commands = self._docket.orders.all()
        return [one.id for one in commands if one.decision_id in ids and one.state in sent]


def _declared(watch: Watch) -> bool:
    return watch.asset.fail_safe is not None and watch.asset.fail_safe.on_stop


def _wanted(watch: Watch) -> bool:
    """As for every fail-safe: something is known of it, and it was not done already."""
    known = watch.latest.evidence_mono_ms is not None
    return _declared(watch) and known and not watch.failed_safe
