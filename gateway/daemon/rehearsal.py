"""Rehearsal: one configuration judging in virtual time. Nothing is stored, published or sent.

The parts are the daemon's own: site, windows, ladders, policies, limits, worker. A command that
would have been sent counts for the limits as sent and carried out at once; what it would have
changed at the machine is in nobody's history, and is not made up.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.config.settings import Settings
from gateway.core.guards import Deed
from gateway.core.interventions import Standing
from gateway.core.ledger import Use
from gateway.core.limits import Ask, By
from gateway.core.readings import Report
from gateway.core.running import Running
from gateway.core.verdicts import NORMAL, Decision, Mode
from gateway.core.watch import Watch
from gateway.core.windows import Window
from gateway.daemon.bench import Bench
from gateway.daemon.judging import (
    Queue,
    advance,
    begin,
    fail_safe,
    judge,
    observe,
    safe_refused,
    wait_ms,
)
from gateway.daemon.permits import Permits
from gateway.daemon.restore import rosters
from gateway.daemon.site import Site, build
from gateway.daemon.virtual import VirtualClock, counted_ids
from gateway.store.sent import History

AFTER_MS: Final = 1
"""The daemon's timer looks so long after a row is over."""
UNRECORDED: Final = frozenset(
    {"unknown_device", "no_registry", "bridge_offline", "offline", "updating"}
)
"""Refusals of a bridge that rest on what its devices said at the time."""


class _Store:
    """A store that has no trouble: the limits ask."""

    trouble = ""


class _Permits(Permits):
    """The daemon's limits; what a bridge knew of its devices at the time is in no record."""

    def _preflight(self, ask: Ask) -> str:
        refused = super()._preflight(ask)
        return "" if refused.partition(":")[0] in UNRECORDED else refused


class Rehearsal:
    """One site in virtual time."""

    def __init__(
        self,
        settings: Settings,
        bench: Bench,
        clock: VirtualClock,
        decided: Callable[[Decision], None],
        assets: Collection[str] = (),
        heard: Callable[[Watch], None] = lambda _watch: None,
    ) -> None:
        """Nothing has happened.

        Args:
            settings: the file.
            bench: who runs its models.
            clock: what time it is.
            decided: hears every decision, in order.
            assets: only these are judged (the others are known, for interlocks); empty: all.
            heard: is shown an asset whenever it has a new verdict.
        """
        self.clock = clock
        self._assets = settings.assets
        self.site: Site = build(settings, bench.packages, clock)
        new_id = counted_ids(clock)
        for watch in self.watches.values():
            watch.policy.new_id = new_id
            for _, state in watch.states():
                state.drift = None  # nobody looks at a drift that is long over
        self.standing = Standing()
        self._ask(())
        for watch in self.watches.values():
            watch.policy.standing = self.standing
        self._bench = bench
        self._decided = decided
        self._heard = heard
        self._queue = Queue()
        wanted = assets or self.watches
        self._judged = {name: one for name, one in self.watches.items() if name in wanted}
        self._next_mono_ms: int | None = None
        """No row closes and no fail-safe falls due before."""
        self.rounds = 0
        """How often the ladders were walked."""

    def _ask(self, sent: Iterable[Use]) -> None:
        """Ask the limits from now on as a gateway that was just started does.

        Only what comes in from now on is evidence for them; when a command ended is not known any
        more, so it ended now.
        """
        now_ms = self.clock.mono_ms()
        uses = sorted((replace(use, ended_ms=now_ms) for use in sent), key=lambda use: use.at_ms)
        history = History(now_ms, tuple(uses))
        self._permits = _Permits(self.site, _Store(), self.clock, history, self.standing)  # type: ignore[arg-type]  # only its trouble is asked
        self._wanted = partial(self._permits.claim, By.POLICY)
        self._safe = partial(self._permits.claim, By.FAIL_SAFE)

    def sent(self, uses: Iterable[Use]) -> None:
        """Commands of the time before."""
        self._permits.ledger.take(uses)

    @property
    def watches(self) -> Mapping[str, Watch]:
        """What is remembered of each asset."""
        return self.site.watches

    def know(self, registries: Mapping[str, str]) -> None:
        """Let the bridges read what their registries said last, for the pre-flight of actions."""
        rosters(self.site, registries, self.clock)

    async def take(self, report: Report) -> None:
        """A report comes in now."""
        observe(report, self.watches, self)
        await self._judge()
        touched = {reading.metric.asset for reading in report.readings}
        self._plan(self._judged[asset] for asset in touched if asset in self._judged)

    def offer(self, watch: Watch, window: Window | None, at_ms: int, mono_ms: int) -> None:
        """An asset is to be judged."""
        if watch.asset.id in self._judged:
            self._queue.offer(watch, window, at_ms, mono_ms)

    def pending(self, asset: str) -> bool:
        """Windows of the asset wait to be judged."""
        return self._queue.pending(asset)

    def fill(self, report: Report) -> None:
        """A report of the time before: it is known, and nothing is judged for it."""
        observe(report, self.watches, Queue())

    async def until(self, mono_ms: int) -> None:
        """Let time pass: rows close and fail-safes fall due on the way."""
        while self._next_mono_ms is not None and self._next_mono_ms + AFTER_MS <= mono_ms:
            self.clock.move(self._next_mono_ms + AFTER_MS)
            await self._tick()
        self.clock.move(mono_ms)

    async def stepped(self) -> None:
        """The wall clock was stepped: rows may be over now, or lie years ahead and begin anew."""
        if self._next_mono_ms is not None:
            await self._tick()

    def plan(self) -> None:
        """Look anew when something is due."""
        self._next_mono_ms = None
        self._plan(self._judged.values())

    def begin(self) -> None:
        """From here on it is judged, as by a gateway that has run all the time."""
        for watch in self.watches.values():
            watch.started_mono_ms = self.clock.mono_ms()
        self.plan()

    def restart(self) -> None:
        """The gateway was started again: it remembers, and waits for fresh evidence."""
        for watch in self.watches.values():
            watch.verdict, watch.answered_mono_ms, watch.failed_safe = None, None, False
            watch.started_mono_ms = self.clock.mono_ms()
            watch.latest.evidence_mono_ms = None
            watch.running = Running(watch.asset.running)
            watch.held.clear()
            for _, state in watch.states():
                state.held = NORMAL
        deeds = (Deed(name, deed) for name, one in self._assets.items() for deed in one.actions)
        self._ask([use for deed in deeds for use in self._permits.ledger.of(deed)])
        self.plan()

    async def _tick(self) -> None:
        now_ms, mono_ms = self.clock.now_ms(), self.clock.mono_ms()
        for watch in advance(self._judged, now_ms, mono_ms, self._queue):
            refused = safe_refused(watch, mono_ms, self._safe)
            if refused is not None:
                self._carry_out((fail_safe(watch, now_ms, mono_ms, refused),))
                self._heard(watch)
        await self._judge()
        self.plan()

    async def _judge(self) -> None:
        while self._queue:
            for together in self._queue.take():
                self.rounds += 1
                for one in await judge(begin(together), *(self._bench,) * 3, self._wanted):
                    self._carry_out(one.decisions)
                    self._heard(one.watch)
        self._permits.settle()

    def _carry_out(self, decisions: Iterable[Decision]) -> None:
        """Tell, and count for the limits what would have been sent."""
        for made in decisions:
            self._decided(made)
            if made.action and made.mode is Mode.ACT and not made.refused:
                deed, at_ms = Deed(made.asset, made.action), self.clock.mono_ms()
                self._permits.ledger.redeem(deed)
                sent = Use(made.id, deed, at_ms, made.value, sent=True, ended_ms=at_ms)
                self._permits.ledger.take((sent,))

    def _plan(self, watches: Iterable[Watch]) -> None:
        now_ms, mono_ms = self.clock.now_ms(), self.clock.mono_ms()
        for watch in watches:
            wait = wait_ms(watch, now_ms, mono_ms)
            if wait is not None:
                due = mono_ms + max(0, wait)
                if self._next_mono_ms is None or due < self._next_mono_ms:
                    self._next_mono_ms = due
