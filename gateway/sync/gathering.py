"""Gathering: when a lane looks for rows, and when ``live`` looks whether it is far behind."""

from typing import Final

from gateway.core.batches import Lane
from gateway.core.sync_pace import Now
from gateway.sync.supply import AWAY_MS

SOON_MS: Final = 1_000
"""Only live readings are gathered for longer, as ``every`` says."""


class Gathering:
    """One lane's."""

    def __init__(self, lane: Lane, every_ms: int) -> None:
        """A lane that has just begun has been away for long, as far as anybody knows."""
        self._lane = lane
        self._every_ms = every_ms if lane is Lane.LIVE else min(every_ms, SOON_MS)
        self._due_ms: int | None = None
        self._current_ms: int | None = None
        self._looked_ms = 0
        self._fresh = True

    def wait(self, now: Now) -> int:
        """Milliseconds until rows are looked for."""
        return 0 if self._due_ms is None else max(0, self._due_ms - now.mono_ms)

    def looked(self, now: Now, *, more: bool) -> None:
        """They were looked for."""
        self._due_ms = None if more else now.mono_ms + self._every_ms
        if not more:
            self._current_ms = now.mono_ms

    def connected(self) -> None:
        """A connection came up."""
        self._fresh = True

    def behind(self, now: Now) -> int | None:
        """For how long ``live`` was not up to date, where it should look; None: it need not."""
        if self._lane is not Lane.LIVE:
            return None
        away_ms = AWAY_MS + 1 if self._current_ms is None else now.mono_ms - self._current_ms
        often = min(away_ms, now.mono_ms - self._looked_ms) < AWAY_MS
        if often and not self._fresh:
            return None
        self._fresh, self._looked_ms = False, now.mono_ms
        return away_ms
