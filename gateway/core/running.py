"""Running: whether a machine runs now, and since when, by the rule that its file declares.

A machine that stands still looks like nothing that a model was trained on. While the rule is false
no model is asked, and nothing is learnt of what is usual; nor from a window that reaches back to
before the machine started. The verdict says ``idle`` then, which neither raises nor clears: a pump
that the gateway itself has stopped is not well because it is quiet. While the rule is unknown the
ladder is asked as without it; but when it was false before, quiet rules alone still clear nothing:
a plug that is off may say so once and then be silent for hours.
"""

from dataclasses import dataclass
from typing import Final

from gateway.core.rules import Expression, View, evaluate

RESTS: Final = "idle"
STARTS: Final = "starting"
"""Why a model is not asked."""


@dataclass(slots=True)
class Running:
    """One asset, between two messages."""

    expression: Expression | None = None
    """None: the file declares none, and the asset always runs."""
    now: bool | None = None
    """None: unknown."""
    since_ms: int = 0
    """When it started, on the readings' time axis; only while ``now`` is true."""
    rested: bool = False
    """It stood still when that was known last."""

    def see(self, view: View, at_ms: int) -> None:
        """Something may have changed."""
        if self.expression is None:
            return
        truth = evaluate(self.expression, view)
        if truth and not self.now:
            self.since_ms = at_ms
        self.now = None if truth is None else bool(truth)
        self.rested = self.rested if truth is None else not truth

    def why_not(self, start_ms: int) -> str:
        """Why a model whose window begins then is not to be asked; empty when it is."""
        if self.now is False:
            return RESTS
        return STARTS if self.now and start_ms < self.since_ms else ""

    @property
    def learns(self) -> bool:
        """What is measured now is what is usual."""
        return self.expression is None or self.now is True
