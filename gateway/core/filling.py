"""Filling: how long what is free still lasts, at the pace at which something has grown.

The pace is that of the last hour: the mean of a whole life says little once retention takes away
what came, and nothing of a flood that began an hour ago.
"""

from collections import deque
from typing import Final

SPAN_MS: Final = 3_600_000
"""Over which the growth is looked at."""
ENOUGH_MS: Final = 600_000
"""Growth over less says little: a new database has pages to fill."""
LOOK_MS: Final = 60_000
"""Sizes closer together than this are not remembered."""


class Filling:
    """The growth of one thing: at most an hour of sizes, one a minute."""

    def __init__(self) -> None:
        """Nothing was noted, so no pace is known."""
        self._sizes: deque[tuple[int, int]] = deque()

    def note(self, mono_ms: int, size: int, free: int) -> int | None:
        """Seconds that ``free`` bytes last; None: too early to tell, or it does not grow.

        Args:
            mono_ms: now; never before the time noted last.
            size: what it has now [bytes].
            free: what it may have more [bytes]; below 0 is none.
        """
        sizes = self._sizes
        if not sizes or mono_ms - sizes[-1][0] >= LOOK_MS:
            sizes.append((mono_ms, size))
        while mono_ms - sizes[0][0] > SPAN_MS:
            sizes.popleft()
        took_ms, more = mono_ms - sizes[0][0], size - sizes[0][1]
        if took_ms < ENOUGH_MS or more <= 0:
            return None
        return max(0, free) * took_ms // more // 1000
