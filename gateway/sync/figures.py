"""Figures: how one lane gets on, for health, ``edge-gateway status`` and ``sync --follow``."""

from collections import deque
from typing import Final

OVER_MS: Final = 10_000
"""The rate is of so long."""
LOOK_MS: Final = 2_000
"""How often rows that are left are counted."""


class Figures:
    """Written by the lane's thread, read by any."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.state = "rest"
        self.waits = ""
        self.error = ""
        self.connected = False
        self.left: int | None = None
        """About how many rows are left; None: not known."""
        self.taken_mono_ms = -OVER_MS
        self._taken: deque[tuple[int, int]] = deque(maxlen=1_000)
        self._left_mono_ms = -LOOK_MS

    def up(self) -> None:
        """It has answered."""
        self.connected, self.error, self.waits = True, "", ""

    def down(self, error: str) -> None:
        """It has not."""
        self.connected, self.error = False, error[:300]

    def took(self, rows: int, mono_ms: int) -> None:
        """It has taken rows."""
        self.up()
        self.taken_mono_ms = mono_ms
        self._taken.append((mono_ms, rows))
        if self.left:
            self.left = max(0, self.left - rows)

    def outdated(self, mono_ms: int) -> bool:
        """Whether it is time to count what is left."""
        if mono_ms - self._left_mono_ms < LOOK_MS:
            return False
        self._left_mono_ms = mono_ms
        return True

    def rate(self, mono_ms: int) -> float:
        """Rows per second."""
        recent = [(at, rows) for at, rows in tuple(self._taken) if mono_ms - at < OVER_MS]
        if not recent:
            return 0.0
        span_ms = max(mono_ms - recent[0][0], 1_000)
        return sum(rows for _, rows in recent) * 1000 / span_ms

    def done_s(self, mono_ms: int) -> int | None:
        """Seconds until nothing is left; None: nobody knows."""
        rate = self.rate(mono_ms)
        if self.left == 0:
            return 0
        return round(self.left / rate) if self.left is not None and rate > 0 else None
