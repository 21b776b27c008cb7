"""Judging: what is due, walked down the ladders and taken by the policies; live and in a replay.

Nothing here reads a clock, stores or sends: the daemon does so around it with what came out, and a
replay of recorded history only notes it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from gateway.core import causes
from gateway.core.ladder import UNKNOWN, Turn
from gateway.core.questions import Remote
from gateway.core.readings import Report
from gateway.core.signals import Signal
from gateway.core.verdicts import IDLE, Decision, Mode, Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Window
from gateway.daemon.rounds import rounds
from gateway.daemon.walk import Abroad, Asked, End, Going, Noted, walk

PENDING: Final = 64

Permitted = Callable[[str, str, float | None], str]
"""Asset, action, its value -> what forbids it now; empty when nothing does."""
SAFE_AGAIN_MS: Final = 1_000
"""A fail-safe that a limit forbids is tried again this often."""


class Due(NamedTuple):
    """An asset that is to be judged."""

    watch: Watch
    window: Window | None
    """None where no model's window made it due: its rules are asked."""
    at_ms: int
    mono_ms: int


class Judged(NamedTuple):
    """What came of it."""

    watch: Watch
    turn: Turn
    verdict: Verdict
    changed: bool
    """The verdict differs from the last in label or rung."""
    decisions: tuple[Decision, ...]


class Takes(Protocol):
    """Where what is due goes."""

    def offer(self, watch: Watch, window: Window | None, at_ms: int, mono_ms: int) -> None:
        """An asset is to be judged."""
        ...

    def pending(self, asset: str) -> bool:
        """Windows of the asset wait to be judged."""
        ...


class Queue:
    """What waits: at most ``PENDING`` windows of one asset; beyond that the oldest goes."""

    def __init__(self) -> None:
        """Nothing is due."""
        self._due: dict[str, deque[Due]] = {}
        self.dropped = 0

    def __bool__(self) -> bool:
        """Something is due."""
        return bool(self._due)

    def __len__(self) -> int:
        """Windows that wait."""
        return sum(map(len, self._due.values()))

    def offer(self, watch: Watch, window: Window | None, at_ms: int, mono_ms: int) -> None:
        """An asset is to be judged; without a model, ``window`` is None."""
        queue = self._due.setdefault(watch.asset.id, deque(maxlen=PENDING))
        if len(queue) == PENDING:
            self.dropped += 1
        if window is None and queue:
            queue.clear()  # rules see the newest values anyway
        queue.append(Due(watch, window, at_ms, mono_ms))

    def pending(self, asset: str) -> bool:
        """Windows of the asset wait to be judged."""
        return asset in self._due

    def take(self) -> list[list[Due]]:
        """Everything that is due, in rounds that may be judged together."""
        due = [item for queue in self._due.values() for item in queue]
        self._due.clear()
        return rounds(due)


def observe(report: Report, watches: Mapping[str, Watch], into: Takes) -> None:
    """Show a report to the assets it is about; what that makes due is offered."""
    at_ms, mono_ms = report.at_ms, report.received_mono_ms
    signals = _by_asset(report) if report.signals else {}
    owners = report.readings.assets
    for asset in owners:
        watch = watches.get(asset)
        if watch is None:
            continue
        readings = report.readings if len(owners) == 1 else report.readings.of_asset(asset)
        for window in watch.take(readings, at_ms, mono_ms, signals.get(asset)):
            into.offer(watch, window, at_ms, mono_ms)
        if not watch.paced or (watch.guarded(mono_ms) and not into.pending(asset)):
            into.offer(watch, None, at_ms, mono_ms)


def _by_asset(report: Report) -> dict[str, dict[str, Signal]]:
    """The samples of a report, by asset and metric."""
    found: dict[str, dict[str, Signal]] = {}
    for place, signal in report.signals.items():
        metric = report.readings[place].metric
        found.setdefault(metric.asset, {})[metric.name] = signal
    return found


class Asks(Abroad, Protocol):
    """Who asks the clouds, and brings their answers back."""

    def ask(self, going: Going, asked: Remote) -> None:
        """Ask one about the asset of a turn, which goes on with the answer."""
        ...


def begin(due: Sequence[Due]) -> list[Going]:
    """The turns of a round, each at its first step."""
    return [
        Going(watch, turn := watch.turn(at_ms, mono_ms, window), turn.step())
        for watch, window, at_ms, mono_ms in due
    ]


async def judge(
    going: Sequence[Going], models: Asked, beside: Noted, abroad: Asks, permitted: Permitted
) -> Iterator[Judged]:
    """Walk a round down its ladders; each policy decides when its turn is taken, one by one."""
    ends = await walk(going, models, beside, abroad)
    return _settled(going, ends, abroad, permitted)


def _settled(
    going: Sequence[Going], ends: Sequence[End], abroad: Asks, permitted: Permitted
) -> Iterator[Judged]:
    for one, end in zip(going, ends, strict=True):
        if isinstance(end, Verdict):
            yield _settle(one.watch, one.turn, end, permitted)
        elif end is not None:
            abroad.ask(one, end)


def _settle(watch: Watch, turn: Turn, verdict: Verdict, permitted: Permitted) -> Judged:
    changed = watch.note(verdict)
    decisions: tuple[Decision, ...] = ()
    if verdict.label not in (UNKNOWN, IDLE):  # they vote for nothing
        view = watch.latest.at(verdict.mono_ms)
        decisions = tuple(watch.policy.decide(verdict, view, partial(permitted, watch.asset.id)))
    return Judged(watch, turn, verdict, changed, decisions)


def advance(watches: Mapping[str, Watch], now_ms: int, mono_ms: int, into: Takes) -> list[Watch]:
    """Close rows whose time is over; the assets whose fail-safe is due."""
    due: list[Watch] = []
    for watch in watches.values():
        for window in watch.advance(now_ms):
            into.offer(watch, window, window.end_ms, mono_ms)
        at_ms = causes.due_mono_ms(watch)
        if at_ms is not None and mono_ms >= at_ms:
            due.append(watch)
    return due


def safe_refused(watch: Watch, mono_ms: int, permitted: Permitted) -> str | None:
    """What forbids a fail-safe that is due; None when that was said already.

    It stays due and is tried again: what nobody watches must not stay as it is because a limit
    forbade it for a minute.
    """
    safe = watch.asset.fail_safe
    refused, before = "", watch.safe_refused
    if safe is not None and safe.action and safe.mode is Mode.ACT:
        refused = permitted(watch.asset.id, safe.action, safe.value)
    watch.safe_refused, watch.safe_again_mono_ms = refused, mono_ms + SAFE_AGAIN_MS
    return None if refused and refused == before else refused


def fail_safe(
    watch: Watch, now_ms: int, mono_ms: int, refused: str = "", cause: str = ""
) -> Decision:
    """Nothing is known for too long, or there is another cause: what the file says for that."""
    cause = cause or causes.cause(watch, mono_ms)
    worker = causes.worker_due_mono_ms(watch)
    watch.failed_safe = not refused
    if worker is not None and mono_ms >= worker:
        watch.failed_without_worker = not refused
    verdict = Verdict(
        asset=watch.asset.id,
        at_ms=now_ms,
        mono_ms=mono_ms,
        rung="fail_safe",
        label=UNKNOWN,
        abstained=dict(watch.verdict.abstained) if watch.verdict else {},
        cause=cause,
    )
    watch.verdict = verdict
    return causes.fail_safe_decision(watch.asset, verdict, watch.policy.new_id(), refused)


def wait_ms(watch: Watch, now_ms: int, mono_ms: int) -> int | None:
    """Until ``advance`` has something to do for an asset; None when nothing is planned."""
    closes, due = watch.closes_ms(), causes.due_mono_ms(watch)
    waits = [] if closes is None else [closes - now_ms]
    waits += [] if due is None else [due - mono_ms]
    return min(waits, default=None)
