"""Watch: everything the gateway remembers of one asset between two messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.assets import Asset, RuleRung, cloud_rungs, pacer
from gateway.core.blocks import Blocks
from gateway.core.ladder import UNKNOWN, ModelState, Turn
from gateway.core.lanes import Columns, Lanes, columns
from gateway.core.latest import Latest
from gateway.core.messages import Reason
from gateway.core.pace import Pace, Slow, slow
from gateway.core.policy import Policy
from gateway.core.readings import Readings
from gateway.core.rules import evaluate
from gateway.core.running import Running
from gateway.core.signals import Signal
from gateway.core.verdicts import Verdict
from gateway.core.windows import Window

_OK = Reason.OK


@dataclass(slots=True)
class Watch:
    """One asset: what is known, its windows, its policy, its last verdict."""

    asset: Asset
    latest: Latest
    policy: Policy
    models: dict[str, ModelState]
    started_mono_ms: int
    verdict: Verdict | None = None
    answered_mono_ms: int | None = None
    """When a rung last answered."""
    failed_safe: bool = False
    """The fail-safe was decided and no rung has answered since."""
    safe_refused: str = ""
    """The limit that forbade the fail-safe when it was tried last."""
    safe_again_mono_ms: int = 0
    """When it is tried again."""
    worker_down_mono_ms: int | None = None
    """Since when no model can be asked; None while they can."""
    failed_without_worker: bool = False
    """The fail-safe was decided because of that, and they cannot be asked since."""
    driver: ModelState | None = field(init=False)
    """The first model of the ladder: its windows make turns due."""
    paces: dict[str, Pace] = field(default_factory=dict)
    """How often each metric comes that a model takes."""
    shadows: dict[str, ModelState] = field(default_factory=dict)
    """Another version of a model, fed beside the one that judges."""
    spare: dict[str, ModelState] = field(default_factory=dict)
    """Windows that only a cloud is asked with: declared ones, and those of a model that is out."""
    held: dict[str, str] = field(default_factory=dict)
    """The label that each ensemble holds, and each cloud."""
    scores: dict[str, float] = field(default_factory=dict)
    """What each model said that answered in the last turn."""
    running: Running = field(init=False)
    _guards: tuple[RuleRung, ...] = ()
    _lanes: Lanes = field(init=False)
    _columns: Columns = field(default_factory=dict)
    _blocks: Columns = field(default_factory=dict)
    """The same of channels that take signals."""

    def __post_init__(self) -> None:
        """Begin with nothing known of whether it runs."""
        self.running = Running(self.asset.running)
        self._index()

    def _index(self) -> None:
        """Find the driver and the guards, and index the channels by metric."""
        first = pacer(self.asset.ladder)
        self.driver = self.models.get(first) or self.spare.get(first)
        rules = [rung for rung in self.asset.ladder if isinstance(rung, RuleRung)]
        self._guards = tuple(rung for rung in rules if rung.guard)
        self._columns, self._blocks = columns(state for _, state in self.states())
        for metric in (*self._columns, *self._blocks):
            self.paces.setdefault(metric, Pace())
        self._lanes = Lanes(self._columns, self.paces)

    def states(self) -> Iterator[tuple[str, ModelState]]:
        """Every version that is fed, with its model."""
        yield from self.models.items()
        yield from self.shadows.items()
        yield from self.spare.items()

    def dress(self, model: str, active: ModelState | None, beside: ModelState | None) -> None:
        """Let one version of a model judge, and feed another beside it.

        The maps are new ones: a turn that waits for an answer goes on with the version it asked.
        """
        self._relieve(model, active)
        self.models = {**self.models, model: active} if active else _without(self.models, model)
        self.shadows = {**self.shadows, model: beside} if beside else _without(self.shadows, model)
        self._index()

    def _relieve(self, model: str, active: ModelState | None) -> None:
        """A model that is out leaves its windows to the clouds that are asked with them."""
        before, spare = self.models.get(model), self.spare.get(model)
        if active is not None:
            if spare is not None:
                active.see(spare)
            self.spare = _without(self.spare, model)
        elif before is not None and any(
            rung.key == model for rung in cloud_rungs(self.asset.ladder)
        ):
            self.spare = {**self.spare, model: before}

    @property
    def paced(self) -> bool:
        """Windows make turns due; else each report does: without a model, or before its first row.

        A sensor of the model that never speaks must not silence the rules about the others.
        """
        return self.driver is not None and self.driver.windows.closes_ms is not None

    def guarded(self, mono_ms: int) -> bool:
        """A guard rule fires: it does not wait for the model's next window."""
        guards = self._guards
        if not guards:
            return False
        view = self.latest.at(mono_ms)
        return any(evaluate(guard.expression, view) is True for guard in guards)

    def take(
        self,
        readings: Readings,
        at_ms: int,
        mono_ms: int,
        signals: Mapping[str, Signal] | None = None,
    ) -> list[Window]:
        """Note readings of one time; the windows of the driver that they make due. The hot path.

        ``signals``: the samples behind readings, by metric.
        """
        plain = readings.good and str not in map(type, readings.values)
        good = readings if plain else self._apart(readings, at_ms, mono_ms)
        way = self._lanes[good.metrics]
        if way.names:
            self.latest.take_good(way.names, good.values, at_ms, mono_ms)
        if self.running.expression is not None:
            self.running.see(self.latest.at(mono_ms), at_ms)
        due: list[Window] = []
        if way.feeds:
            Pace.note_all(way.paces, at_ms)
            for feed in way.feeds:
                windows = feed.take(good.values, at_ms)
                if windows:
                    due += self._due(feed.state, windows)
        if self._blocks or signals:
            due += self.take_signals(readings, at_ms, signals or {})
        return due

    def _apart(self, readings: Readings, at_ms: int, mono_ms: int) -> Readings:
        """Note those that windows may not take; the others."""
        good = []
        for reading in readings:
            metric, value, reason = reading
            if reason is _OK and not isinstance(value, str):
                good.append(reading)
                continue
            self.latest.take(reading, at_ms, mono_ms)
            for state, column, _, _ in self._columns.get(metric.name, ()):
                state.windows.refuse(column, Reason.TYPE if reason is _OK else reason)
        return Readings.of(good)

    def take_signals(
        self, readings: Readings, at_ms: int, signals: Mapping[str, Signal]
    ) -> Iterator[Window]:
        """After the scalars of the same message: a speed beside the samples is theirs."""
        for metric, _, reason in readings:
            signal = signals.get(metric.name)
            if signal is not None and reason is _OK:
                self.latest.signals[metric.name] = signal
            for state, column, scale, offset in self._blocks.get(metric.name, ()):
                blocks = state.windows
                if not isinstance(blocks, Blocks):
                    continue
                if reason is not _OK:
                    yield from self._due(state, blocks.refuse_signal(column, reason, at_ms))
                elif signal is not None:
                    self.paces[metric.name].note(at_ms)
                    found = blocks.take_signal(column, at_ms, signal, scale, offset)
                    yield from self._due(state, found)

    def advance(self, now_ms: int) -> Iterator[Window]:
        """Close rows whose time is over; the windows of the driver that become due."""
        for _, state in self.states():
            yield from self._due(state, state.windows.advance(now_ms))

    def _due(self, state: ModelState, windows: Sequence[Window]) -> Iterator[Window]:
        for window in windows:
            well = not window.newest_has_gap and not state.windows.bad and self.running.learns
            if well:
                state.learn(window.newest)
            if state is self.driver:
                yield window

    def closes_ms(self) -> int | None:
        """When a row's time is over next."""
        times = [state.windows.closes_ms for _, state in self.states()]
        return min((at for at in times if at is not None), default=None)

    def turn(self, at_ms: int, mono_ms: int, window: Window | None) -> Turn:
        """Start down the ladder."""
        self.running.see(self.latest.at(mono_ms), at_ms)
        asked = self.asset, at_ms, mono_ms, self.latest, self.models, window
        return Turn(*asked, held=self.held, running=self.running, spare=self.spare)

    def note(self, verdict: Verdict) -> bool:
        """Take the verdict of a turn; True when it differs from the last in label or rung."""
        last, self.verdict = self.verdict, verdict
        if verdict.label != UNKNOWN:
            self.answered_mono_ms = verdict.mono_ms
            self.failed_safe = False
            if self.worker_down_mono_ms is None:
                self.safe_refused = ""
        return last is None or (last.label, last.rung) != (verdict.label, verdict.rung)

    def slow(self) -> list[Slow]:
        """The channels whose sensors speak too seldom for their model."""
        return list(slow(self.asset.id, self.models, self.paces))

    def take_over(self, old: "Watch") -> None:
        """Go on where another watch of the same asset stood: the file was changed."""
        self.policy.restore(old.policy.to_json())
        self.policy.flags |= old.policy.flags
        self.verdict, self.answered_mono_ms = old.verdict, old.answered_mono_ms
        self.failed_safe, self.held = old.failed_safe, old.held
        self.latest.take_over(old.latest)
        if self.running.expression == old.running.expression:
            self.running = old.running
        for model, state in self.states():
            for before in (one for name, one in old.states() if name == model):
                if before.loaded == state.loaded and before.columns == state.columns:
                    state.windows, state.calibration = before.windows, before.calibration
                    state.held, state.drift = before.held, before.drift
                    state.carried = before.carried
                    break
                state.see(before)

    def worker(self, down_mono_ms: int | None) -> None:
        """The models cannot be asked since then; None: they can."""
        self.worker_down_mono_ms = down_mono_ms
        if down_mono_ms is None:
            self.failed_without_worker = False


def _without(states: dict[str, ModelState], model: str) -> dict[str, ModelState]:
    return {name: state for name, state in states.items() if name != model}
