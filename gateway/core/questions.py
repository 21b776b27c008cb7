"""Questions to models, and what one asset remembers of each model it asks."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gateway.core.assets import CloudRung, ModelRung
from gateway.core.blocks import Blocks
from gateway.core.calibration import Calibration
from gateway.core.carried import Carried
from gateway.core.drift import Drifts
from gateway.core.ensembles import Heard, Scale
from gateway.core.explanations import Feature, Wanted
from gateway.core.uncertainty import Trust
from gateway.core.verdicts import NORMAL
from gateway.core.windows import Window, Windows


class Question(NamedTuple):
    """A window that a model is asked to judge."""

    model: str
    asset: str
    values: "array[float]"
    rows: int
    columns: int
    carried: Carried | None = None

    @property
    def state(self) -> tuple[float, ...]:
        """What the model handed over; empty without a carried state."""
        return self.carried.values if self.carried else ()

    def heard(
        self, score: float | None, outputs: Mapping[str, Sequence[float]], error: str | None
    ) -> float | str:
        """The score of an answer, whose state is kept; else why there is none, or none yet."""
        if self.carried is not None:
            self.carried.take(outputs)
        if score is None:
            return error or "no score"
        return (self.carried.warming if self.carried else "") or score


class Panel(NamedTuple):
    """Questions to the models of one ensemble, to be asked together."""

    questions: tuple[Question, ...]


class Reduces(Protocol):
    """How a model's windows become the tensor that it takes, and where its score is."""

    @property
    def tensor(self) -> str:
        """Name of the tensor."""
        ...

    @property
    def output(self) -> tuple[str, int, int]:
        """Name of the output with the score, its numbers, and which of them is the score."""
        ...

    def features(self, values: "array[float]") -> tuple[tuple[int, ...], Sequence[float]]:
        """Shape and numbers of a window without what need not leave; may take milliseconds."""
        ...


@dataclass(slots=True)
class ModelState:
    """What one asset remembers of one model."""

    rung: ModelRung
    windows: Windows | Blocks
    decide: Callable[[float, str], tuple[str, float]]
    """(score, label held so far) -> (label, the level it met): the package's decision levels."""
    version: str
    hash: str
    columns: tuple[str, ...]
    """Metric of the asset per channel, in channel order."""
    calibration: Calibration | None = None
    explain: Wanted = field(default_factory=Wanted)
    """How its scores are to be explained."""
    features: tuple[Feature, ...] = ()
    """Of signals: what its scores are explained by, instead of channels."""
    trust: Trust = field(default_factory=Trust)
    """When it must not answer."""
    scale: Scale = field(default_factory=Scale)
    """The levels that ``decide`` goes by."""
    drift: Drifts | None = None
    """Whether its channels and its score are still where they were; None: nobody looks."""
    held: str = NORMAL
    carried: Carried | None = None
    """What it hands from window to window."""
    loaded: str = ""
    """What the worker knows this version by."""
    conversions: tuple[tuple[float, float], ...] = ()
    """(scale, offset) per channel from the metric's unit to the model's; empty: the same ones."""
    reduces: Reduces | None = None
    """For a cloud's model that is asked with the same windows."""

    @property
    def awaits(self) -> bool:
        """The file names the time to learn from, and that was not done yet."""
        learnt = self.calibration
        return self.rung.calibrate is not None and learnt is not None and not learnt.source

    def learn(self, row: tuple[float, ...]) -> None:
        """Take a whole row of a machine that runs."""
        if self.calibration is not None and not self.awaits:
            self.calibration.add(row)
        if self.drift is not None:
            self.drift.row(row)

    def doubt(self, score: float) -> str:
        """Why a score must not be used, by the package's own uncertainty; empty when it may."""
        conformal = self.trust.conformal
        return conformal.crosses(score, self.held, self.decide) if conformal else ""

    def say(self, score: float) -> Heard:
        """As a member of an ensemble: its own label, and its score on the common scale."""
        self.held, _ = self.decide(score, self.held)
        relative = self.scale.relative(score)
        return Heard(self.rung.model, self.version, self.hash, self.held, score, relative)

    def like(self, other: "ModelState") -> bool:
        """Both cut the same windows from the same readings."""
        return (self.columns, self.conversions, self.windows.shape) == (
            other.columns,
            other.conversions,
            other.windows.shape,
        )

    def see(self, other: "ModelState") -> None:
        """Take what another version has seen of the same asset, where it fits."""
        if self.like(other):
            self.windows = deepcopy(other.windows)


class Remote(NamedTuple):
    """A window that a cloud's model is to be asked about."""

    rung: CloudRung
    asset: str
    window: Window
    state: ModelState
    """Whose window it is."""
