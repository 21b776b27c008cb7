"""Takeover: what is done on the assets of a slot that has just become ours.

Their policies were muted and know what they want; what the holder before us did is known from its
book. The rest is decided now. Devices are asked how they are: what the one before us left open is
looked at, and never repeated.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from gateway.core import succession
from gateway.core.explanations import of_score
from gateway.core.limits import By
from gateway.core.verdicts import Decision
from gateway.core.watch import Watch
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.explain import Explain
from gateway.daemon.journal import Journal
from gateway.daemon.permits import Permits, any_order
from gateway.daemon.site import Site

log = structlog.get_logger()


class Takeover:
    """Succession on one site."""

    def __init__(
        self,
        site: Site,
        act: Act,
        docket: Docket,
        permits: Permits,
        explain: Explain,
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing is taken over."""
        self._explain = explain
        self.site = site
        self._act = act
        self._docket = docket
        self._permits = permits
        self._journal = journal
        self._announce = announce
        self._clock = clock

    async def take(self, assets: Sequence[str]) -> None:
        """These assets are ours: decide what is due on them."""
        watches = [self.site.watches[one] for one in assets if one in self.site.watches]
        for watch in watches:
            self._ask(watch)
        decisions = [made for watch in watches for made in self._due(watch)]
        if decisions:
            await self._act.carry_out(decisions)
        for decision in decisions:
            self._explain.offer(decision, of_score(decision.verdict))
        for watch in watches:
            self._journal.batch.kept["policy", watch.asset.id] = watch.policy.to_json()
            self._announce.alert(watch)
            self._announce.asset(watch)
        self._journal.changed()
        log.info("assets_taken_over", assets=len(watches), decisions=len(decisions))

    def _due(self, watch: Watch) -> list[Decision]:
        if watch.verdict is None:
            return []
        mono_ms = self._clock.mono_ms()
        verdict = replace(watch.verdict, mono_ms=mono_ms)
        permit = partial(self._permits.claim, By.POLICY, watch.asset.id)
        view = watch.latest.at(mono_ms)
        return list(succession.succeed(watch.policy, verdict, view, permit))

    def _ask(self, watch: Watch) -> None:
        """Ask every device of the asset's actions how it is."""
        for action in watch.asset.actions.values():
            feed = self.site.feeds[action.source]
            self._docket.ask(feed, feed.bridge.ask(any_order(action)))
