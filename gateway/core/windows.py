"""Windows: the metrics of an asset aligned on a model's period.

Time is cut into rows of ``period_ms``. A row takes the newest good reading of each channel; it
closes as soon as every required channel has one, or when its time is over: then a missing value is
held from before, up to the channel's ``hold_ms``, else the row has a gap. A window is the last
``length`` rows; one is due every ``stride`` rows. A window with a gap, or with too few fresh cells,
is an abstention that says why; so is one whose required channel is bad now, whatever is held of it.

Nothing here reads a clock: rows close through readings and through ``advance``.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from math import nan

from gateway.core.bounds import Bounds
from gateway.core.messages import Reason
from gateway.core.refusals import Refusals
from gateway.core.shapes import Channel, Shape, Window

__all__ = ["Channel", "Shape", "Window", "Windows"]

_OK = Reason.OK


class Windows:
    """The rows of one asset for one model."""

    def __init__(self, shape: Shape) -> None:
        """Start empty: the first window abstains until ``length`` rows are in."""
        self.shape = shape
        self._columns = len(shape.channels)
        self._period_ms = shape.period_ms
        channels = shape.channels
        self._bounds = Bounds(channels)
        self._row: int | None = None
        self._cells: dict[int, float] = {}
        self._all = range(self._columns)
        self._required = tuple(i for i, one in enumerate(channels) if one.required)
        self._missing = set(self._required)
        self._held: dict[int, tuple[int, float]] = {}
        self._newest_ms = 0
        """No channel has a held value that is newer."""
        self._values: array[float] = array("d")
        self._gaps: deque[str] = deque(maxlen=shape.length)
        self._refused = Refusals()
        self._fresh: deque[int] = deque(maxlen=shape.length)
        self._since_due = 0
        self.late = 0
        """Readings that came after their row was closed."""

    def take(self, channel: int, at_ms: int, value: float) -> Sequence[Window]:
        """Take a good reading of one channel; the windows that this makes due."""
        return self.take_all((channel,), at_ms, (value,))

    def take_all(
        self, channels: tuple[int, ...], at_ms: int, values: Sequence[float]
    ) -> Sequence[Window]:
        """Take good readings of some channels, of one time; the windows that they make due.

        The hot path.
        """
        if not self._bounds.hold(channels, values):
            channels, values = self._within(channels, values)
        if not channels:
            return ()
        self._refused.lift(channels)
        row, at = at_ms // self._period_ms, self._row
        if at is not None and 0 < at - row <= self.shape.length:
            self._late(channels, at_ms, values)
            return ()
        due = () if row == at else self._move(row)
        self._cells.update(zip(channels, values, strict=True))
        self._keep(channels, at_ms, values)
        if self._missing:
            self._missing.difference_update(channels)
            if not self._missing:
                return (*due, *self._close())
        return due

    def _move(self, row: int) -> Sequence[Window]:
        """Go on to a row, or back to one that is beyond reach; the windows that this makes due."""
        if self._row is None:
            self._row = row
        elif row > self._row:
            return self._close_until(row)
        else:
            self._restart(row)
        return ()

    def _keep(self, channels: tuple[int, ...], at_ms: int, values: Sequence[float]) -> None:
        """Hold values beyond their row."""
        self._held.update(zip(channels, zip(repeat(at_ms), values, strict=False), strict=True))
        self._newest_ms = max(at_ms, self._newest_ms)

    def _within(
        self, channels: tuple[int, ...], values: Sequence[float]
    ) -> tuple[tuple[int, ...], Sequence[float]]:
        """Refuse what is out of range; the others."""
        taken: dict[int, float] = {}
        for channel, value in zip(channels, values, strict=True):
            if self._bounds.hold((channel,), (value,)):
                taken[channel] = value
            else:
                self._refused.note(channel, Reason.RANGE)
        return tuple(taken), tuple(taken.values())

    def _late(self, channels: tuple[int, ...], at_ms: int, values: Sequence[float]) -> None:
        """Their row is closed: they may still be held."""
        self.late += len(channels)
        if at_ms >= self._newest_ms:
            self._keep(channels, at_ms, values)
            return
        for channel, value in zip(channels, values, strict=True):
            held = self._held.get(channel)
            if held is None or at_ms >= held[0]:
                self._held[channel] = (at_ms, value)

    def refuse(self, channel: int, reason: Reason) -> None:
        """A reading came that may not be taken; a bad one outweighs a suspect one."""
        self._refused.note(channel, reason)

    @property
    def bad(self) -> str:
        """``<channel>: <gate>`` of a required channel whose newest reading is bad; else empty."""
        return self._refused.first_bad(self._required, self.shape.channels)

    def advance(self, now_ms: int) -> list[Window]:
        """Close the rows whose time is over; the windows that this makes due."""
        if self._row is None:
            return []
        row = now_ms // self.shape.period_ms
        if self._row - row > self.shape.length:
            self._restart(row)
        return self._close_until(row) if row > self._row else []

    @property
    def closes_ms(self) -> int | None:
        """When the open row's time is over; None while nothing has come."""
        return None if self._row is None else (self._row + 1) * self.shape.period_ms

    @property
    def rows(self) -> int:
        """Closed rows at hand, up to ``length``."""
        return len(self._gaps)

    @property
    def span_ms(self) -> int:
        """How far back a window reaches."""
        return self.shape.period_ms * self.shape.length

    @property
    def reach_ms(self) -> int:
        """How far back a restart must look."""
        held = max(channel.hold_ms for channel in self.shape.channels)
        return self.span_ms + self.shape.period_ms + held

    def latest(self) -> Window:
        """The window that ends with the newest closed row."""
        end = 0 if self._row is None else self._row * self.shape.period_ms
        return self._window(end)

    def _restart(self, row: int) -> None:
        """The time axis went back further than the window reaches: the clock was stepped."""
        self._values = array("d")
        self._gaps.clear()
        self._fresh.clear()
        self._held, self._newest_ms = {}, 0
        self._open(row)

    def _open(self, row: int) -> None:
        self._row = row
        self._cells = {}
        self._missing = set(self._required)

    def _close_until(self, row: int) -> list[Window]:
        """Close rows up to ``row``; after a long silence only as many as a window holds."""
        assert self._row is not None  # noqa: S101  # both callers have seen to it
        if row - self._row > self.shape.length + 1:
            self._close()
            self._open(row - self.shape.length)
        due: list[Window] = []
        while self._row < row:
            due += self._close()
        return due

    def _close(self) -> list[Window]:
        row = self._row or 0
        end_ms = (row + 1) * self.shape.period_ms
        cells = self._cells
        fresh = len(cells)
        gap = ""
        if fresh == self._columns:
            self._values.extend(map(cells.__getitem__, self._all))
        else:
            for i, channel in enumerate(self.shape.channels):
                value = cells[i] if i in cells else self._hold(i, channel, end_ms)
                if value != value and not gap:  # noqa: PLR0124  # nan is the one value unequal to itself
                    gap = f"{channel.name}: {self._why(i)}"
                self._values.append(value)
        self._gaps.append(gap)
        self._fresh.append(fresh)
        self._forget()
        self._open(row + 1)
        self._since_due += 1
        if self._since_due < self.shape.stride:
            return []
        self._since_due = 0
        return [self._window(end_ms)]

    def _hold(self, i: int, channel: Channel, end_ms: int) -> float:
        held = self._held.get(i)
        bad = not channel.required and self._refused.bad(i)
        if held is not None and end_ms - held[0] <= channel.hold_ms and not bad:
            return held[1]
        return nan if channel.fill is None or channel.required else channel.fill

    def _why(self, i: int) -> str:
        refused = self._refused.reason(i)
        if refused is not _OK:
            return refused.value
        return "stale" if i in self._held else "silent"

    def _forget(self) -> None:
        """Cut the old rows off in one go, once there are four windows of them."""
        span = self.shape.length * self._columns
        if len(self._values) > 4 * span + self._columns:
            del self._values[:-span]

    def _window(self, end_ms: int) -> Window:
        length, columns = self.shape.length, self._columns
        newest = tuple(self._values[-columns:])
        cells = length * columns
        coverage = sum(self._fresh) / cells
        why = self._unfit(coverage)
        values = array("d") if why else self._values[-cells:]
        return Window(end_ms, values, newest, coverage, why)

    def _unfit(self, coverage: float) -> str:
        """Why the window cannot be judged; empty when it can."""
        if self.bad:
            return f"bad {self.bad}"
        if len(self._gaps) < self.shape.length:
            return "filling"
        if any(self._gaps):
            return "gap " + next(gap for gap in reversed(self._gaps) if gap)
        return f"coverage {coverage:.2f}" if coverage < self.shape.min_coverage else ""
