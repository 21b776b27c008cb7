"""Purses: how many calls and bytes a cloud may be sent in a day, and how many it was.

A day is one of UTC. A clock that is not believed begins no new day: a gateway that wakes up in 1970
does not get its calls back.
"""

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.core.times import rfc3339

DATE: Final = 10
"""Characters of a date in RFC 3339."""


class Budget(NamedTuple):
    """Most in a day."""

    calls: int = 500
    bytes: int = 2_000_000
    """Of requests and answers, bodies only."""


@dataclass(slots=True)
class Purse:
    """What is spent of a budget, and what is left."""

    budget: Budget
    day: str = ""
    """``2026-01-04``; empty before the first call."""
    spent: Budget = field(default_factory=lambda: Budget(0, 0))

    def look(self, now_ms: int, *, clock_ok: bool) -> None:
        """Begin a new day where it is one."""
        today = rfc3339(now_ms)[:DATE]
        if today != self.day and (clock_ok or not self.day):
            self.day, self.spent = today, Budget(0, 0)

    def refusal(self, size: int = 0) -> str:
        """Why no more of ``size`` bytes may be sent today; empty when it may."""
        left = self.left
        if not left.calls:
            return f"its {self.budget.calls} calls of today are spent"
        if left.bytes <= size:
            return f"its {self.budget.bytes} bytes of today are spent"
        return ""

    def spend(self, calls: int, size: int) -> None:
        """Count what was sent, or got; below 0 gives back what never left."""
        self.spent = Budget(self.spent.calls + calls, self.spent.bytes + size)

    @property
    def left(self) -> Budget:
        """What may still be spent today."""
        calls, size = (max(0, a - b) for a, b in zip(self.budget, self.spent, strict=True))
        return Budget(calls, size)

    def to_json(self) -> str:
        """What must survive a restart."""
        return json.dumps({"day": self.day, **self.spent._asdict()})

    def restore(self, text: str) -> None:
        """Take up what ``to_json`` wrote; what is none is left alone."""
        try:
            told = json.loads(text)
            day, calls, size = str(told["day"]), int(told["calls"]), int(told["bytes"])
        except (ValueError, KeyError, TypeError):
            return
        self.day, self.spent = day, Budget(calls, size)
