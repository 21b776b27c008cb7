"""Carried state: what a recurrent model hands from one window to the next, kept per asset.

The state belongs to one unbroken row of windows. A window that was dropped, or that could not be
judged, breaks it: it begins again from zeros, and the model warms up before its word counts. A
package may let it go on over a few missing windows: one that took days to learn need not forget
them for a lost message.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any


@dataclass(slots=True)
class Carried:
    """The state of one model for one asset."""

    outputs: tuple[tuple[str, int], ...]
    """Tensor that gives the next state, and its size; the sizes in a row are the state."""
    step_ms: int
    """From one window to the next."""
    warmup: int = 0
    """Windows after a beginning whose scores do not count."""
    bridge: int = 0
    """Windows in a row that may be missing."""
    values: tuple[float, ...] = field(init=False)
    steps: int = 0
    """Windows since the beginning."""
    end_ms: int | None = None
    """End of the newest window in it."""

    def __post_init__(self) -> None:
        """Begin."""
        self.values = (0.0,) * self.size

    @property
    def size(self) -> int:
        """Numbers of the state."""
        return sum(size for _, size in self.outputs)

    @property
    def warming(self) -> str:
        """``warming up 3 of 20`` while scores do not count yet; else empty."""
        return f"warming up {self.steps} of {self.warmup}" if self.steps <= self.warmup else ""

    def meet(self, end_ms: int) -> None:
        """The window that ends then is asked about next; too many were left out: begin again."""
        if self.end_ms is not None:
            steps, off = divmod(end_ms - self.end_ms, self.step_ms)
            if off or not 1 <= steps <= self.bridge + 1:
                self.begin()
        self.end_ms = end_ms

    def begin(self) -> None:
        """Forget."""
        self.values, self.steps, self.end_ms = (0.0,) * self.size, 0, None

    def take(self, outputs: Mapping[str, Sequence[float]]) -> None:
        """Take the state out of a model's answer; one that does not fit begins again."""
        found = tuple(value for name, _ in self.outputs for value in outputs.get(name, ()))
        if len(found) == self.size and all(map(isfinite, found)):
            self.values, self.steps = found, self.steps + 1
        else:
            self.begin()

    def to_json(self) -> str:
        """Everything, as text for the store."""
        return json.dumps({"values": self.values, "steps": self.steps, "end_ms": self.end_ms})

    def restore(self, text: str) -> None:
        """Go on from ``to_json``; what is damaged or of another size is left alone."""
        try:
            tree: Any = json.loads(text)
            values = tuple(map(float, tree["values"]))
            steps, end_ms = int(tree["steps"]), int(tree["end_ms"])
        except (ValueError, TypeError, KeyError, OverflowError):
            return
        if len(values) == self.size and all(map(isfinite, values)) and steps >= 0:
            self.values, self.steps, self.end_ms = values, steps, end_ms
