"""Credit: how fast a stream may send, so that all together do not bring more than is taken.

After an outage of many gateways everybody has a backlog at once. The rate is shared equally among
the streams that sent something lately; each is told its share with every answer, and one that
sends on regardless is told to wait.
"""

from collections.abc import Hashable

LATELY_MS = 60_000
BURST_S = 10.0
"""So much of its share a stream may send at once before it is told to wait."""


class Credit:
    """The rate of a receiver, shared."""

    def __init__(self, rows_per_s: float | None) -> None:
        """``None``: there is no limit, and nobody is told one."""
        self._rate = rows_per_s
        self._seen: dict[Hashable, tuple[int, float]] = {}
        """Stream -> when it last sent, and how many rows it was ahead of its share then."""

    def grant(self, stream: Hashable, rows: int, mono_ms: int) -> tuple[float | None, float]:
        """Note that a stream sent rows; its rate [rows/s] and how long it must wait now [s]."""
        if self._rate is None:
            return None, 0.0
        self._forget(mono_ms)
        before_ms, ahead = self._seen.get(stream, (mono_ms, 0.0))
        share = self._rate / max(1, len(self._seen.keys() | {stream}))
        ahead = max(0.0, ahead - share * (mono_ms - before_ms) / 1000) + rows
        self._seen[stream] = (mono_ms, ahead)
        return share, round(max(0.0, ahead / share - BURST_S), 3)

    def debt_s(self, stream: Hashable, mono_ms: int) -> float:
        """How long a stream should still wait; more than 0 when it did not."""
        if self._rate is None or stream not in self._seen:
            return 0.0
        before_ms, ahead = self._seen[stream]
        share = self._rate / len(self._seen)
        return max(0.0, ahead / share - (mono_ms - before_ms) / 1000 - BURST_S)

    def _forget(self, mono_ms: int) -> None:
        self._seen = {
            stream: seen for stream, seen in self._seen.items() if mono_ms - seen[0] < LATELY_MS
        }
