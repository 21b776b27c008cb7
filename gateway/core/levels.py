"""Decision levels: from a score to a label, with hysteresis."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.verdicts import NORMAL


@dataclass(frozen=True, slots=True)
class Level:
    """A label that a score takes at ``on`` and keeps until it falls below ``off``."""

    label: str
    on: float
    off: float


class Levels:
    """The decision levels of one model on one asset; remembers which one holds."""

    def __init__(self, levels: Sequence[Level]) -> None:
        """Levels in any order; the highest one reached gives the label."""
        self._levels = sorted(levels, key=lambda level: level.on)
        self._held: Level | None = None

    def label(self, score: float) -> tuple[str, float | None]:
        """(label, the level it was held against); a higher score is worse."""
        reached = [
            level
            for level in self._levels
            if score >= level.on or (level is self._held and score >= level.off)
        ]
        self._held = reached[-1] if reached else None
        if self._held is not None:
            return self._held.label, self._held.on
        return NORMAL, self._levels[0].on if self._levels else None
