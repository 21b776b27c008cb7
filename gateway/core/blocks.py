"""Blocks: the window of a model that takes signals is one block of samples.

A window is due when every required signal has sent a block since the last one (every ``stride``-th
time); the newest ``length`` samples count. Scalar channels beside a signal (the speed of the shaft)
stand in every row with their newest value, held up to the channel's ``hold_ms``. A block at another
rate, or too short, gives a window that says so; so does silence beyond ``hold_ms``, once, and then
every period. A sibling of ``core.windows``: nothing here reads a clock either.
"""

from array import array
from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from gateway.core.bounds import Bounds
from gateway.core.messages import Reason
from gateway.core.refusals import Refusals
from gateway.core.signals import Signal, same_rate
from gateway.core.windows import Channel, Shape, Window


class _Held(NamedTuple):
    """What is known of one channel."""

    at_ms: int
    value: float
    """Of a signal its rms, in the channel's unit."""
    samples: "array[float] | None" = None
    """The newest ``length``, in the channel's unit."""
    misfit: str = ""
    """Why a block cannot be judged."""


class Blocks:
    """The newest block of one asset for one model."""

    def __init__(self, shape: Shape) -> None:
        """Start empty: a window abstains until a block is in."""
        self.shape = shape
        columns = range(len(shape.channels))
        self._required = [i for i in columns if shape.channels[i].required]
        self._awaits = frozenset(i for i in self._required if shape.channels[i].rate_hz)
        self._missing = set(self._awaits)
        self._held: list[_Held | None] = [None for _ in columns]
        self._refused = Refusals()
        self._bounds = Bounds(shape.channels)
        self._end_ms = 0
        self._since_due = 0
        self._next_ms: int | None = None
        self._hold_ms = min((shape.channels[i].hold_ms for i in self._awaits), default=60_000)
        self.late = 0
        """Blocks older than the newest one."""

    def take(self, channel: int, at_ms: int, value: float) -> Sequence[Window]:
        """Take a good reading of a scalar channel; it makes nothing due."""
        if not self._bounds.hold((channel,), (value,)):
            self.refuse(channel, Reason.RANGE)
            return ()
        self._refused.lift((channel,))
        held = self._held[channel]
        if held is None or at_ms >= held.at_ms or self._back(at_ms):
            self._held[channel] = _Held(at_ms, value)
        return ()

    def take_all(
        self, channels: Sequence[int], at_ms: int, values: Sequence[float]
    ) -> Sequence[Window]:
        """Take good readings of scalar channels; they make nothing due."""
        for channel, value in zip(channels, values, strict=True):
            self.take(channel, at_ms, value)
        return ()

    def take_signal(
        self, channel: int, at_ms: int, signal: Signal, scale: float = 1.0, offset: float = 0.0
    ) -> list[Window]:
        """Take a good block of a signal channel; the window that it makes due.

        Args:
            channel: which column.
            at_ms: its time, on the readings' axis.
            signal: in the metric's unit.
            scale: with ``offset``, from there to the channel's unit.
            offset: see scale.
        """
        held = self._held[channel]
        if held is not None and at_ms < held.at_ms and not self._back(at_ms):
            self.late += 1
            return []
        found = self._found(channel, at_ms, signal, (scale, offset))
        if found is None:
            self.refuse(channel, Reason.RANGE)
            return []
        self._refused.lift((channel,))
        self._held[channel] = found
        self._end_ms = at_ms
        self._next_ms = at_ms + self._hold_ms + 1
        self._missing.discard(channel)
        if self._missing:
            return []
        self._missing = set(self._awaits)
        self._since_due += 1
        if self._since_due < self.shape.stride:
            return []
        self._since_due = 0
        return [self._window(at_ms)]

    def refuse(self, channel: int, reason: Reason) -> None:
        """A reading came that may not be taken; a bad one outweighs a suspect one."""
        self._refused.note(channel, reason)

    def refuse_signal(self, channel: int, reason: Reason, at_ms: int) -> list[Window]:
        """A block came that may not be taken: the window that says so, where it is bad."""
        self.refuse(channel, reason)
        if not self._refused.bad(channel) or channel not in self._awaits:
            return []
        self._next_ms = max(self._next_ms or 0, at_ms + self._hold_ms + 1)
        return [self._window(max(at_ms, self._end_ms))]

    @property
    def bad(self) -> str:
        """``<channel>: <gate>`` of a required channel whose newest reading is bad; else empty."""
        return self._refused.first_bad(self._required, self.shape.channels)

    def advance(self, now_ms: int) -> list[Window]:
        """Say when the sensor has been silent for too long, and again every period."""
        if self._next_ms is None or now_ms < self._next_ms:
            return []
        self._next_ms = now_ms + self.shape.period_ms
        return [self._window(now_ms)]

    @property
    def closes_ms(self) -> int | None:
        """When silence is worth a word; None while nothing has come."""
        return self._next_ms

    @property
    def rows(self) -> int:
        """Samples at hand, up to ``length``."""
        return self.shape.length if any(one and one.samples for one in self._held) else 0

    @property
    def span_ms(self) -> int:
        """How long a block takes."""
        rate_hz = next((one.rate_hz for one in self.shape.channels if one.rate_hz), 0.0)
        return round(1000 * self.shape.length / rate_hz) if rate_hz else 0

    @property
    def reach_ms(self) -> int:
        """How far back a restart must look for what is held."""
        return max(channel.hold_ms for channel in self.shape.channels)

    def latest(self) -> Window:
        """The window of the newest block."""
        return self._window(self._end_ms)

    def _back(self, at_ms: int) -> bool:
        """The time axis went back further than anything is held: the clock was stepped."""
        return self._end_ms - at_ms > self.reach_ms

    def _found(
        self, channel: int, at_ms: int, signal: Signal, conversion: tuple[float, float]
    ) -> _Held | None:
        """What is held of a block; None for one with a sample beyond the channel's limits."""
        scale, offset = conversion
        misfit = _misfit(self.shape.channels[channel], signal, self.shape.length)
        samples = signal.samples[-self.shape.length :]
        if conversion != (1.0, 0.0):
            samples = array("f", [one * scale + offset for one in samples])
        if not self._bounds.hold((channel, channel), (min(samples), max(samples))):
            return None
        return _Held(at_ms, signal.rms * abs(scale), samples, misfit)

    def _window(self, end_ms: int) -> Window:
        shape = self.shape
        cells = [self._cell(i, end_ms) for i in range(len(shape.channels))]
        newest = tuple(nan if isinstance(one, str) else one.value for one in cells)
        why = f"bad {self.bad}" if self.bad else next((c for c in cells if isinstance(c, str)), "")
        if why:
            return Window(end_ms, array("d"), newest, 0.0, why)
        columns = len(cells)
        values = array("d", bytes(8 * shape.length * columns))
        for i, one in enumerate(cells):
            if not isinstance(one, str):
                values[i::columns] = array("d", one.samples or (one.value,) * shape.length)
        return Window(end_ms, values, newest, 1.0)

    def _cell(self, i: int, end_ms: int) -> "_Held | str":
        """What stands in a column, or why nothing does."""
        channel, held = self.shape.channels[i], self._held[i]
        if held is not None and held.misfit:
            return f"signal {channel.name}: {held.misfit}"
        dead = not channel.required and self._refused.bad(i)
        if held is not None and end_ms - held.at_ms <= channel.hold_ms and not dead:
            return held
        if channel.fill is not None and not channel.required:
            return _Held(end_ms, channel.fill)
        refused = self._refused.reason(i)
        if refused is not Reason.OK:
            return f"gap {channel.name}: {refused.value}"
        return f"gap {channel.name}: {'silent' if held is None else 'stale'}"


def _misfit(channel: Channel, signal: Signal, length: int) -> str:
    """What was expected of a block, and found; empty for one that fits."""
    if channel.rate_hz and not same_rate(signal.rate_hz, channel.rate_hz):
        return f"expected {channel.rate_hz:g} Hz, found {signal.rate_hz:g} Hz"
    if len(signal.samples) < length:
        return f"expected {length} samples, found {len(signal.samples)}"
    return ""
