"""Decide: window -> model -> verdict -> policy -> decisions.

All windows that are due are one question to the worker. At most ``PENDING`` windows of one asset
wait; beyond that the oldest is dropped and counted: a slow model makes verdicts rarer, never later
and later, and ingest never waits for it.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from gateway.core.explanations import Explanation, of_score
from gateway.core.inquiries import Inquiries, Inquiry, inquire
from gateway.core.limits import By
from gateway.core.verdicts import Decision, Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Window
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.errands import Errands
from gateway.daemon.explain import Explain
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal
from gateway.daemon.judging import (
    PENDING,
    Judged,
    Queue,
    advance,
    begin,
    fail_safe,
    judge,
    safe_refused,
    wait_ms,
)
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.permits import Permits
from gateway.daemon.shadow import Shadow
from gateway.daemon.site import Site
from gateway.daemon.walk import Going

__all__ = ["PENDING", "Decide"]

REPEAT_MS: Final = 60_000
"""An unchanged verdict is stored, and an unchanged state published, this often."""
MOVED_MS: Final = 2_000
"""A state whose score moved is published at most this often."""
MOVED: Final = 0.1
"""How far a score must move to be worth a message, as a share of its level."""

log = structlog.get_logger()


class Decide:
    """The judging of a site."""

    def __init__(
        self,
        site: Site,
        inference: Inference,
        journal: Journal,
        act: Act,
        explain: Explain,
        maintenance: Maintenance,
        shadow: Shadow,
        announce: Announce,
        permits: Permits,
        errands: Errands,
        clock: Clock,
    ) -> None:
        """Nothing is due."""
        self.site = site
        self._inference = inference
        self._journal = journal
        self._act = act
        self._explain = explain
        self.maintenance = maintenance
        self._shadow = shadow
        self._announce = announce
        self._wanted = partial(permits.claim, By.POLICY)
        self._safe = partial(permits.claim, By.FAIL_SAFE)
        self._errands = errands
        self._clock = clock
        self.due = Queue()
        self._wake = asyncio.Event()
        errands.wake = self._wake.set
        self._settled = asyncio.Event()
        self._stored_mono_ms: dict[str, int] = {}
        self._shown: dict[str, Verdict] = {}
        self._closed = False
        self._down_mono_ms: int | None = None
        self.busy = False
        self.hasty = False
        """Something is due that looks at the values of now."""
        self.judged = 0
        """Rounds that have ended."""

    def offer(self, watch: Watch, window: Window | None, at_ms: int, mono_ms: int) -> None:
        """An asset is to be judged; without a model, ``window`` is None."""
        if self._closed:
            return
        dropped = self.due.dropped
        self.due.offer(watch, window, at_ms, mono_ms)
        if self.due.dropped > dropped:
            self._journal.batch.counts["decide", "windows_overdue"] += 1
        if window is None:
            self.hasty = True
        self._wake.set()

    def close(self) -> None:
        """Nothing is judged any more: without its worker every verdict would be ``unknown``."""
        self._closed = True

    def pending(self, asset: str) -> bool:
        """Windows of the asset wait to be judged."""
        return self.due.pending(asset)

    @property
    def idle(self) -> bool:
        """Nothing is due and nothing is being judged."""
        return not self.due and not self.busy

    async def settled(self) -> None:
        """Wait until everything that is due has been judged."""
        while not self.idle:
            self._settled.clear()
            await self._settled.wait()

    async def run(self) -> None:
        """Judge what is due, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due = self.due.take()
            self.busy = True
            if back := self._errands.take():
                await self._judge(back)
            for together in due:
                await self._judge(begin(together))
            self.judged += 1
            self.busy = False
            if self.idle:
                self._settled.set()

    async def _judge(self, going: Sequence[Going]) -> None:
        decisions: list[Decision] = []
        reasons: list[Inquiry | Inquiries | Explanation] = []
        shown: dict[str, None] = {}
        asked = self._inference, self._shadow, self._errands
        for one in await judge(going, *asked, self._wanted):
            self.maintenance.note(one.watch, one.turn)
            if self._settled_one(one):
                shown[one.watch.asset.id] = None
            decisions += one.decisions
            reasons += [inquire(one.turn, one.verdict) for _ in one.decisions]
        if decisions:
            await self._act.carry_out(decisions)
            for decision, about in zip(decisions, reasons, strict=True):
                self._explain.offer(decision, about)
        for asset in shown:  # commands do not wait for it
            if asset in self.site.watches:
                self._announce.asset(self.site.watches[asset])
        await self._shadow.judge()

    def _settled_one(self, one: Judged) -> bool:
        """Put it on record; whether subscribers are to see the asset's state."""
        verdict, asset = one.verdict, one.watch.asset.id
        if one.decisions:
            self._journal.batch.kept["policy", asset] = one.watch.policy.to_json()
        if one.changed:
            log.info(
                "verdict_changed",
                asset=asset,
                label=verdict.label,
                score=verdict.score,
                rung=verdict.rung,
                abstained=dict(verdict.abstained),
            )
        return self._record(verdict, changed=one.changed or bool(one.decisions))

    def _record(self, verdict: Verdict, *, changed: bool) -> bool:
        """Store the verdict, and show the asset's state, when it changed or was not for long."""
        asset = verdict.asset
        due = verdict.mono_ms - self._stored_mono_ms.get(asset, -REPEAT_MS) >= REPEAT_MS
        if shown := changed or due or self._moved(verdict):
            self._shown[asset] = verdict
        if changed or due:
            self._stored_mono_ms[asset] = verdict.mono_ms
        if changed or due or self.site.settings.keep_all_verdicts:
            self._journal.verdict(verdict)
        return shown

    def _moved(self, verdict: Verdict) -> bool:
        """The score went far enough since subscribers saw it last."""
        shown = self._shown.get(verdict.asset)
        if shown is None or shown.score is None or verdict.score is None:
            return False
        late = verdict.mono_ms - shown.mono_ms >= MOVED_MS
        return late and abs(verdict.score - shown.score) >= MOVED * abs(verdict.level or 1.0)

    async def tick(self) -> None:
        """Close rows whose time is over, and decide the fail-safes that are due."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        self._look_at_worker(mono_ms)
        due = advance(self.site.watches, now_ms, mono_ms, self)
        await self.fail_safe(due)

    async def fail_safe(self, watches: Sequence[Watch], cause: str = "") -> list[Decision]:
        """Do what the file says for when nothing is known, within its limits; what was decided."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        decisions = [
            self._fail_safe(watch, now_ms, mono_ms, refused, cause)
            for watch in watches
            if (refused := safe_refused(watch, mono_ms, self._safe)) is not None
        ]
        if decisions:
            await self._act.carry_out(decisions)
        for decision in decisions:
            self._explain.offer(decision, of_score(decision.verdict))
        return decisions

    def _fail_safe(
        self, watch: Watch, now_ms: int, mono_ms: int, refused: str, cause: str
    ) -> Decision:
        decision = fail_safe(watch, now_ms, mono_ms, refused, cause)
        verdict = decision.verdict
        self._journal.verdict(verdict)
        self._announce.asset(watch)
        told = {"cause": verdict.cause, "abstained": dict(verdict.abstained)}
        log.warning("fail_safe_reached", asset=watch.asset.id, **told)
        return decision

    def _look_at_worker(self, mono_ms: int) -> None:
        """Tell every asset since when no model can be asked."""
        if self._inference.state in ("running", "off"):
            self._down_mono_ms = None
        elif self._down_mono_ms is None:
            self._down_mono_ms = mono_ms
        for watch in self.site.watches.values():
            watch.worker(self._down_mono_ms)

    def next_ms(self) -> int | None:
        """When ``tick`` has something to do next, from now [ms]; None when nothing is planned."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        found = (wait_ms(watch, now_ms, mono_ms) for watch in self.site.watches.values())
        waits = [wait for wait in found if wait is not None]
        return max(0, min(waits)) if waits else None
