"""Rhythm: how often a source usually speaks, and whether it has gone silent beyond that.

Nothing tells a gateway that a QoS 0 message was not sent. A source whose silence is much longer
than any it has shown is the best sign there is.
"""

FACTOR = 5
"""Silence of this many times the longest usual gap is reported."""
FLOOR_MS = 60_000
"""No silence shorter than this is reported."""
_MEMORY = 0.98
"""How slowly an unusually long gap is forgotten, per message."""


class Rhythm:
    """The arrivals of one source."""

    def __init__(self) -> None:
        """Nothing has arrived, so no silence is unusual."""
        self._last_mono_ms: int | None = None
        self._gap_ms = 0.0
        self.silent = False

    def beat(self, mono_ms: int) -> bool:
        """Note an arrival; True when it ends a reported silence."""
        if self._last_mono_ms is not None and not self.silent:
            gap = mono_ms - self._last_mono_ms
            self._gap_ms = max(gap, self._gap_ms * _MEMORY)
        self._last_mono_ms = mono_ms
        ended, self.silent = self.silent, False
        return ended

    def overdue(self, mono_ms: int) -> int | None:
        """How long it has been silent, once, when that is beyond its rhythm [ms]."""
        if self._last_mono_ms is None or self.silent:
            return None
        gap = mono_ms - self._last_mono_ms
        if gap <= max(FLOOR_MS, FACTOR * self._gap_ms):
            return None
        self.silent = True
        return gap

    @property
    def gap_ms(self) -> float | None:
        """The longest usual gap; None until two arrivals were seen."""
        return self._gap_ms or None

    @property
    def last_mono_ms(self) -> int | None:
        """The newest arrival."""
        return self._last_mono_ms
