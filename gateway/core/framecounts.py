"""Frame counters of LoRaWAN uplinks: how many were lost, and how far apart they come."""

from dataclasses import dataclass

DEVICES = 10_000
"""Devices remembered; then the oldest is forgotten."""


@dataclass(slots=True)
class _Frame:
    session: str
    count: int
    mono_ms: int
    interval_ms: float | None = None


class FrameCounts:
    """The newest frame of each device."""

    def __init__(self) -> None:
        """Start with none."""
        self._last: dict[str, _Frame] = {}

    def missed(self, device: str, session: str, count: int, mono_ms: int) -> int | None:
        """Note a frame; tell how many were lost since the one before.

        Args:
            device: its id.
            session: what changes when the counter starts again: devAddr, session key id.
            count: the frame counter.
            mono_ms: when it was received.

        Returns:
            None for the first frame of a session; 0 for a repeated one or a counter that went back.
        """
        last = self._last.get(device)
        if last is None:
            if len(self._last) >= DEVICES:
                del self._last[next(iter(self._last))]
            self._last[device] = _Frame(session, count, mono_ms)
            return None
        gap = count - last.count if session == last.session else None
        if gap != 0:
            _learn(last, mono_ms - last.mono_ms, gap or 1)
            last.session, last.count, last.mono_ms = session, count, mono_ms
        return None if gap is None else max(0, gap - 1)

    def restart(self, device: str) -> None:
        """The device joined: its counter starts at 0."""
        last = self._last.get(device)
        if last is not None:
            last.session = ""

    def interval_ms(self, device: str) -> float | None:
        """How far apart the device's transmissions are; None until two were seen."""
        last = self._last.get(device)
        return None if last is None else last.interval_ms


def _learn(frame: _Frame, elapsed_ms: int, gap: int) -> None:
    """Smooth the interval; lost frames count as transmissions."""
    if elapsed_ms <= 0:
        return
    interval = elapsed_ms / max(1, gap)
    known = frame.interval_ms
    frame.interval_ms = interval if known is None else known + (interval - known) / 4
