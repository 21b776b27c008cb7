"""Assets: the machines that are looked after, as the user's file describes them, frozen."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.ensembles import Bound, How
from gateway.core.guards import Guard, Rates, ValueRule
from gateway.core.readings import Metric
from gateway.core.rules import Expression
from gateway.core.shapes import Shape
from gateway.core.times import rfc3339
from gateway.core.verdicts import Mode


@dataclass(frozen=True, slots=True)
class Proof:
    """An independent metric that shows a command was carried out."""

    metric: str
    """A metric of the same asset."""
    within_ms: int
    above: float | None = None
    below: float | None = None
    equals: float | bool | str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the gateway may do to an asset: the allow-list is the list of these."""

    name: str
    source: str
    device: str
    set: Mapping[str, object]
    """Absolute values by the bridge's property name."""
    deadline_ms: int | None = None
    """How long the bridge's evidence may take; None: the bridge knows."""
    expires_ms: int = 10_000
    """A command not sent by then is void."""
    proof: Proof | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    """Bridge-specific, e.g. the LoRaWAN ``port``."""
    value: ValueRule | None = None
    """It takes a value, which stands for the one of its key in ``set``."""
    guard: Guard = field(default_factory=Guard)
    """What must hold for it, whoever asks."""

    def said(self, value: float | None) -> Mapping[str, object]:
        """What is set when it is done with a value; whole numbers are written as such."""
        if self.value is None or value is None:
            return self.set
        number = self.value.nearest(value)
        return {**self.set, self.value.property: int(number) if number.is_integer() else number}


class Period(NamedTuple):
    """A time of which the user knows that the machine was well; UTC epoch milliseconds."""

    since_ms: int
    until_ms: int

    @property
    def source(self) -> str:
        """``2026-01-04T08:00:00.000Z to 2026-01-04T20:00:00.000Z``."""
        return f"{rfc3339(self.since_ms)} to {rfc3339(self.until_ms)}"


@dataclass(frozen=True, slots=True)
class ModelRung:
    """A rung of the ladder: a local model, by its name in the file."""

    model: str
    deadline_ms: int = 5_000
    channels: Mapping[str, str] = field(default_factory=dict)
    """Channel name of the package -> metric name of the asset, where they differ."""
    calibrate: Period | None = None
    """Learn what is usual from what was stored then, not from the first rows."""


@dataclass(frozen=True, slots=True)
class RuleRung:
    """A rung of the ladder: a declared rule."""

    expression: Expression
    label: str
    guard: bool = False
    """Asked beside the ladder too: when it fires, its label wins over a model's ``normal``."""


@dataclass(frozen=True, slots=True)
class EnsembleRung:
    """A rung of the ladder: several models, combined to one word."""

    members: tuple[ModelRung, ...]
    combine: How = "mean"
    least: int = 1
    """Fewer that answer are no verdict."""
    declared: tuple[Bound, ...] = ()
    """Levels of the combined score; empty: those of the first model."""

    @property
    def name(self) -> str:
        """What its verdicts are from."""
        return "ensemble:" + "+".join(member.model for member in self.members)

    def few(self, count: int) -> str:
        """Why so many answers are no verdict."""
        return f"{count} of {len(self.members)} models, at least {self.least} must answer"


@dataclass(frozen=True, slots=True)
class CloudRung:
    """A rung of the ladder: a model in a cloud, asked when no rung above it answered."""

    cloud: str
    """Its name in the file."""
    deadline_ms: int = 5_000
    like: str = ""
    """The local model whose windows it is asked with; empty: they are declared."""
    channels: Mapping[str, str] = field(default_factory=dict)
    """Of ``like``: channel name of the package -> metric name of the asset, where they differ."""
    shape: Shape | None = None
    """Declared windows."""
    levels: tuple[Bound, ...] = ()
    """Of its score; empty: those of ``like``."""
    every_ms: int = 0
    """It is asked no sooner after an answer."""
    may_act: bool = False
    """Its verdicts may lead to commands; else they only advise."""

    @property
    def name(self) -> str:
        """What its verdicts are from."""
        return f"cloud:{self.cloud}"

    @property
    def key(self) -> str:
        """Whose windows it is asked with."""
        return self.like or self.name


Rung = ModelRung | RuleRung | EnsembleRung | CloudRung


def cloud_rungs(ladder: Iterable[Rung]) -> Iterator[CloudRung]:
    """Every cloud of a ladder, in order."""
    return (rung for rung in ladder if isinstance(rung, CloudRung))


def pacer(ladder: Iterable[Rung]) -> str:
    """Whose windows make turns due: the first model's, else the first cloud's; empty: nobody's."""
    rungs = tuple(ladder)
    models = (rung.model for rung in model_rungs(rungs))
    return next(models, "") or next((rung.key for rung in cloud_rungs(rungs)), "")


def model_rungs(ladder: Iterable[Rung]) -> Iterator[ModelRung]:
    """Every model of a ladder, those of ensembles too, in order."""
    for rung in ladder:
        if isinstance(rung, ModelRung):
            yield rung
        elif isinstance(rung, EnsembleRung):
            yield from rung.members


@dataclass(frozen=True, slots=True)
class Retry:
    """Whether a command of a policy that came to nothing is given again."""

    times: int
    """After the first; each is a command of its own."""
    after_ms: int = 30_000
    """From the end of one to the next."""
    on: frozenset[str] = frozenset({"timeout", "failed"})
    """The outcomes after which it is."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """From verdicts to an action: k of n, hysteresis, interlocks, limits."""

    name: str
    """``pump-7/policy/0``."""
    when: str
    """The label it waits for."""
    hits: int = 1
    of: int = 1
    clear_hits: int = 1
    """It clears after this many of the last ``clear_of`` verdicts without the label."""
    clear_of: int = 1
    action: str = ""
    """Empty: raise an alert only."""
    value: float | None = None
    """What the action is told, where it takes a value."""
    mode: Mode = Mode.ADVISE
    min_interval_ms: int = 0
    """Between two commands of this rule."""
    unless: tuple[Expression, ...] = ()
    """Interlocks: none may be true, and an unknown one counts as true."""
    only_if: tuple[Expression, ...] = ()
    """Interlocks: all must be true, and an unknown one counts as false."""
    flags: tuple[str, ...] = ()
    """Flags of the asset that forbid the action while set, e.g. ``maintenance``."""
    retry: Retry | None = None
    """None: a command is given once."""


@dataclass(frozen=True, slots=True)
class FailSafe:
    """What is done when nothing is known for too long."""

    after_ms: int
    action: str = ""
    mode: Mode = Mode.ACT
    value: float | None = None
    worker_ms: int | None = None
    """Done too when no model could be asked for so long, whatever rules say; None: not."""
    on_stop: bool = False
    """Done when the gateway is stopped."""
    death_ms: int | None = None
    """Done by others when the gateway has been dead for so long; None: not."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One machine."""

    id: str
    name: str
    metrics: Mapping[str, Metric]
    actions: Mapping[str, Action] = field(default_factory=dict)
    ladder: tuple[Rung, ...] = ()
    policy: tuple[PolicyRule, ...] = ()
    fail_safe: FailSafe | None = None
    rates: Rates = field(default_factory=Rates)
    cross: tuple[Expression, ...] = ()
    """What must hold between the newest values of its metrics; else those it names are suspect."""
    running: Expression | None = None
    """While it is false the machine stands still, and no model is asked."""

    def rule_name(self, rung: Rung) -> str:
        """What the verdicts of a rule of its ladder are from: ``rule:2``, its place from 1."""
        return f"rule:{self.ladder.index(rung) + 1}"
