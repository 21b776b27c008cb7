"""Decide: window -> model -> verdict -> policy -> decisions.

All windows that are due are one question to the worker. At most ``PENDING`` windows of one asset
wait; beyond that the oldest is dropped and counted: a slow model makes verdicts rarer, never later
and later, and ingest never waits for it.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Final, NamedTuple

import structlog

from gateway.core.explanations import Explanation, of_score
from gateway.core.inquiries import Inquiries, Inquiry, inquire
from gateway.core.ladder import UNKNOWN
from gateway.core.policy import fail_safe_decision
from gateway.core.verdicts import IDLE, Decision, Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Window
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.explain import Explain
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.permits import Permits
from gateway.daemon.rounds import rounds
from gateway.daemon.shadow import Shadow
from gateway.daemon.site import Site, ids
from gateway.daemon.walk import walk

PENDING: Final = 64
REPEAT_MS: Final = 60_000
"""An unchanged verdict is stored, and an unchanged state published, this often."""
MOVED_MS: Final = 2_000
"""A state whose score moved is published at most this often."""
MOVED: Final = 0.1
"""How far a score must move to be worth a message, as a share of its level."""

log = structlog.get_logger()


class _Due(NamedTuple):
    watch: Watch
    window: Window | None
    at_ms: int
    mono_ms: int


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
        clock: Clock,
    ) -> None:
        """Nothing is due."""
        self.site = site
        self._inference = inference
        self._journal = journal
        self._act = act
        self._explain = explain
        self._maintenance = maintenance
        self._shadow = shadow
        self._announce = announce
        self._permits = permits
        self._clock = clock
        self._due: dict[str, deque[_Due]] = {}
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._stored_mono_ms: dict[str, int] = {}
        self._shown: dict[str, Verdict] = {}
        self._closed = False
        self.busy = False
        self.hasty = False
        """Something is due that looks at the values of now."""
        self.judged = 0
        """Rounds that have ended."""

    def offer(self, watch: Watch, window: Window | None, at_ms: int, mono_ms: int) -> None:
        """An asset is to be judged; without a model, ``window`` is None."""
        if self._closed:
            return
        queue = self._due.setdefault(watch.asset.id, deque(maxlen=PENDING))
        if len(queue) == PENDING:
            self._journal.batch.counts["decide", "windows_overdue"] += 1
        if window is None:
            self.hasty = True
            queue.clear()  # rules see the newest values anyway
        queue.append(_Due(watch, window, at_ms, mono_ms))
        self._wake.set()

    def close(self) -> None:
        """Nothing is judged any more: without its worker every verdict would be ``unknown``."""
        self._closed = True

    def pending(self, asset: str) -> bool:
        """Windows of the asset wait to be judged."""
        return asset in self._due

    @property
    def idle(self) -> bool:
        """Nothing is due and nothing is being judged."""
        return not self._due and not self.busy

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
            due = [item for queue in self._due.values() for item in queue]
            self._due.clear()
            self.busy = True
            for together in rounds(due):
                await self._judge(together)
            self.judged += 1
            self.busy = False
            if self.idle:
                self._settled.set()

    async def _judge(self, due: list[_Due]) -> None:
        turns = [item.watch.turn(item.at_ms, item.mono_ms, item.window) for item in due]
        verdicts = await walk(turns, self._inference, self._shadow)
        decisions: list[Decision] = []
        reasons: list[Inquiry | Inquiries | Explanation] = []
        for item, turn, verdict in zip(due, turns, verdicts, strict=True):
            self._maintenance.note(item.watch, turn)
            made = self._settle(item.watch, verdict)
            decisions += made
            reasons += [inquire(turn, verdict) for _ in made]
        if decisions:
            await self._act.carry_out(decisions)
            for decision, about in zip(decisions, reasons, strict=True):
                self._explain.offer(decision, about)
            for asset in {decision.asset for decision in decisions}:
                self._announce.asset(self.site.watches[asset])
        await self._shadow.judge()

    def _settle(self, watch: Watch, verdict: Verdict) -> list[Decision]:
        changed = watch.note(verdict)
        decisions: list[Decision] = []
        if verdict.label not in (UNKNOWN, IDLE):  # they vote for nothing
            permit = partial(self._permits.action, watch.asset.id)
            view = watch.latest.at(verdict.mono_ms)
            decisions = list(watch.policy.decide(verdict, view, permit))
        self._record(watch, verdict, changed=changed or bool(decisions))
        if decisions:
            self._journal.batch.kept["policy", watch.asset.id] = watch.policy.to_json()
        if changed:
            log.info(
                "verdict_changed",
                asset=watch.asset.id,
                label=verdict.label,
                score=verdict.score,
                rung=verdict.rung,
                abstained=dict(verdict.abstained),
            )
        return decisions

    def _record(self, watch: Watch, verdict: Verdict, *, changed: bool) -> None:
        """Store the verdict, and publish the asset's state, when it changed or was not for long."""
        asset = watch.asset.id
        due = verdict.mono_ms - self._stored_mono_ms.get(asset, -REPEAT_MS) >= REPEAT_MS
        if changed or due or self._moved(verdict):
            self._shown[asset] = verdict
            self._announce.asset(watch)
        if changed or due:
            self._stored_mono_ms[asset] = verdict.mono_ms
        if changed or due or self.site.settings.keep_all_verdicts:
            self._journal.verdict(verdict)

    def _moved(self, verdict: Verdict) -> bool:
        """The score went far enough since subscribers saw it last."""
        shown = self._shown.get(verdict.asset)
        if shown is None or shown.score is None or verdict.score is None:
            return False
        far = MOVED * abs(verdict.level or 1.0)
        late = verdict.mono_ms - shown.mono_ms >= MOVED_MS
        return late and abs(verdict.score - shown.score) >= far

    async def tick(self) -> None:
        """Close rows whose time is over, and decide the fail-safes that are due."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        decisions: list[Decision] = []
        for watch in self.site.watches.values():
            for window in watch.advance(now_ms):
                self.offer(watch, window, window.end_ms, mono_ms)
            due = watch.fail_safe_mono_ms()
            if due is not None and mono_ms >= due:
                decisions.append(self._fail_safe(watch, now_ms, mono_ms))
        if decisions:
            await self._act.carry_out(decisions)
        for decision in decisions:
            self._explain.offer(decision, of_score(decision.verdict))

    def _fail_safe(self, watch: Watch, now_ms: int, mono_ms: int) -> Decision:
        watch.failed_safe = True
        verdict = Verdict(
            asset=watch.asset.id,
            at_ms=now_ms,
            mono_ms=mono_ms,
            rung="fail_safe",
            label=UNKNOWN,
            abstained=dict(watch.verdict.abstained) if watch.verdict else {},
        )
        watch.verdict = verdict
        self._journal.verdict(verdict)
        self._announce.asset(watch)
        log.warning("fail_safe_reached", asset=watch.asset.id, abstained=dict(verdict.abstained))
        return fail_safe_decision(watch.asset, verdict, ids(self._clock)())

    def next_ms(self) -> int | None:
        """When ``tick`` has something to do next, from now [ms]; None when nothing is planned."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        waits: list[int] = []
        for watch in self.site.watches.values():
            closes = watch.closes_ms()
            if closes is not None:
                waits.append(closes - now_ms)
            due = watch.fail_safe_mono_ms()
            if due is not None:
                waits.append(due - mono_ms)
        return max(0, min(waits)) if waits else None
