"""The nouns of a model package: what ``manifest.json`` says, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.core.calibration import ScoreLevel
from gateway.core.explanations import Feature, Wanted
from gateway.core.uncertainty import Trust
from gateway.core.verdicts import NORMAL
from gateway.core.windows import Shape
from gateway.models.features import presets
from gateway.models.features.described import described

Task = Literal["anomaly", "class", "rul", "forecast"]
Layout = Literal["n,t,c", "n,f"]
Meaning = Literal["score", "probabilities", "label", "rul", "forecast", "residuals", "state"]

SCORED: Final[frozenset[Meaning]] = frozenset({"score", "probabilities", "rul", "forecast"})
"""The meanings that can carry the score."""


@dataclass(frozen=True, slots=True)
class File:
    """What the manifest says of one file of the package."""

    sha256: str
    """Hex."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Input:
    """The window that one inference sees, and the tensor that takes it."""

    tensor: str
    layout: Layout
    features: presets.Preset
    shape: Shape
    vibration: presets.Vibration | None = None
    """Settings of the preset ``vibration``."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the columns of a window."""
        return tuple(channel.name for channel in self.shape.channels)

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of a row of layout ``n,f`` is, in order."""
        return presets.names(self.features, self.channels, self.shape.length, self.vibration)

    @property
    def described(self) -> tuple[Feature, ...]:
        """What its scores are explained by, where that is not channels; in the order of names."""
        if self.vibration is None:
            return ()
        units = [channel.unit for channel in self.shape.channels]
        return tuple(described(self.channels, units, self.vibration))

    @property
    def dims(self) -> tuple[int, ...]:
        """Dimensions of the tensor behind the batch."""
        rows, names = self.shape.length, self.channels
        if self.layout == "n,t,c":
            return rows, len(names)
        return (presets.count(self.features, names, rows, self.vibration),)


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the graph, and what it means."""

    tensor: str
    meaning: Meaning
    labels: tuple[str, ...] = ()
    """Class names in the order of the probabilities."""
    score_of: str = ""
    """The class whose probability is the score."""
    unit: str = ""
    size: int = 1
    """Numbers of a state."""

    @property
    def column(self) -> int:
        """Where in a row of the output the score is."""
        return self.labels.index(self.score_of) if self.score_of else 0

    def width(self, channels: int) -> int:
        """Numbers per window."""
        widths = {"probabilities": len(self.labels), "residuals": channels, "state": self.size}
        return widths.get(self.meaning, 1)


@dataclass(frozen=True, slots=True)
class Memory:
    """One tensor that the model hands to itself, from window to window, per asset."""

    input: str
    output: str
    size: int
    """The tensor is n x size."""


@dataclass(frozen=True, slots=True)
class Level:
    """A score at ``on`` or beyond raises the label; one back past ``off`` clears it."""

    label: str
    on: float
    off: float


@dataclass(frozen=True, slots=True)
class Decision:
    """From score to label, with hysteresis."""

    levels: tuple[Level, ...]
    """Mildest first."""
    raises: Literal["above", "below"] = "above"

    def decide(self, score: float, held: str = NORMAL) -> tuple[str, float]:
        """The label of a score while ``held`` is the label so far, and the level it met.

        A level at or below the held one is kept until the score is back past its ``off``.
        """
        labels = [level.label for level in self.levels]
        rank = labels.index(held) if held in labels else -1
        for index, level in reversed(list(enumerate(self.levels))):
            bound = level.off if index <= rank else level.on
            if score >= bound if self.raises == "above" else score <= bound:
                return level.label, bound
        return NORMAL, self.levels[0].off if rank >= 0 else self.levels[0].on


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the daemon learns per asset, from its first healthy rows, before the first verdict."""

    per_asset: Literal["none", "mean_sd"] = "none"
    rows: int = 0
    level: ScoreLevel | None = None


@dataclass(frozen=True, slots=True)
class Golden:
    """Windows with their known outputs, in a file of the package."""

    file: str
    rtol: float
    atol: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """One ``manifest.json``, checked in itself; ``package.verify`` holds it against the files."""

    id: str
    version: str
    task: Task
    created: str
    files: Mapping[str, File]
    input: Input
    outputs: tuple[Output, ...]
    decision: Decision
    calibration: Calibration
    golden: Golden
    licence: str
    provenance: Mapping[str, object]
    explain: Wanted = field(default_factory=Wanted)
    """How its scores are to be explained."""
    memories: tuple[Memory, ...] = ()
    """Its carried state; zeros at the beginning."""
    warmup: int = 0
    """Windows after a beginning whose scores do not count."""
    bridge: int = 0
    """Windows in a row that may be missing without a new beginning."""
    trust: Trust = field(default_factory=Trust)
    """When it must not answer."""

    @property
    def shape(self) -> Shape:
        """What to cut from an asset's readings."""
        return self.input.shape

    @property
    def answers(self) -> tuple[Output, ...]:
        """The outputs, then the next states."""
        return (*self.outputs, *(Output(m.output, "state", size=m.size) for m in self.memories))

    @property
    def scored(self) -> Output:
        """The output that carries the score."""
        return next(output for output in self.outputs if output.meaning in SCORED)
