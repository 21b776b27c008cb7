"""Supply: which rows a lane sends next, and how ``live`` leaves a backlog to ``backfill``.

When a connection comes up after long, ``live`` notes what gathered meanwhile as a span and goes on
behind it; ``backfill`` sends the spans. A span is noted before it is jumped over, and every jump is
made where it was noted, also when a receiver's loss takes the lane back to before it: so a row goes
out in one of the lanes, and never in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from gateway.core.batches import Lane, Row
from gateway.core.sync_places import Place, Span, read
from gateway.errors import DecodeError
from gateway.store.sync_entries import Key
from gateway.store.sync_ledger import Ledger

Backfill = Literal["oldest", "newest", "none"]

MANY: Final = 10_000
"""Rows behind which ``live`` jumps over whenever a connection comes up."""
SOME: Final = 1_000
"""After ``AWAY_MS`` without having been up to date these are enough."""
AWAY_MS: Final = 60_000
STRETCH: Final = 20_000
"""With ``backfill: newest`` a span is sent from its end, in stretches of about so many rows."""
OPEN: Final = 32
"""Spans that wait for ``backfill`` at most; with so many ``live`` sends everything itself."""


class Cut(Protocol):
    """Rows out of the database."""

    @property
    def rows(self) -> Sequence[Row]:
        """Maybe none."""
        ...

    @property
    def position(self) -> str:
        """Everything up to here was looked at."""
        ...

    @property
    def more(self) -> bool:
        """There may be more at once."""
        ...


class Cutter(Protocol):
    """What ``sync.cutter`` gives; ``position`` and ``until`` are its own words."""

    @property
    def epoch(self) -> str:
        """Of the database."""
        ...

    def cut(self, position: str, most_rows: int, until: str = "") -> Cut:
        """The rows behind ``position``, up to and with ``until``."""
        ...

    def head(self) -> str:
        """The position behind everything there is."""
        ...

    def left(self, position: str, until: str = "") -> int:
        """About how many rows of the database are behind a position.

        Raises:
            DecodeError: it is none.
        """
        ...

    def back(self, until: str, rows: int, position: str = "") -> str:
        """About so many rows of the database before ``until``, and not before ``position``."""
        ...


class Portion(NamedTuple):
    """What a lane sends next."""

    rows: Sequence[Row]
    place: Place
    """Where it is once they are sent."""
    more: bool


@dataclass(frozen=True, slots=True)
class Supply:
    """The rows of one lane of one sink."""

    key: Key
    cutter: Cutter
    ledger: Ledger
    backfill: Backfill = "oldest"
    many: int = MANY
    some: int = SOME

    def begin(self) -> str:
        """Where a stream begins."""
        return self.cutter.head() if self.backfill == "none" else ""

    def wanted(self, position: str) -> bool:
        """Whether there may be something to send now: only ``backfill`` knows that there is not."""
        return self.key.lane != Lane.BACKFILL or bool(read(position).owed(self._spans()))

    def ready(self) -> bool:
        """``live`` waits until ``backfill`` has heard from its receiver where the jumps were."""
        if self.key.lane != Lane.LIVE or self.backfill == "none":
            return True
        state = self.ledger.state(Key(self.key.sink, Lane.BACKFILL))
        return bool(state.asked) or state.base not in ("", self.cutter.epoch)

    def next(self, position: str, most: int) -> Portion:
        """The next rows.

        Raises:
            StoreError: the database cannot be read.
        """
        place = read(position)
        if self.key.lane == Lane.LIVE:
            return self._live(place, most)
        if self.key.lane == Lane.BACKFILL:
            return self._owed(place, most)
        cut = self.cutter.cut(place.at, most)
        return Portion(cut.rows, Place(cut.position), cut.more)

    def left(self, position: str) -> int:
        """About how many rows that is until it is done."""
        place = read(position)
        if self.key.lane == Lane.BACKFILL:
            spans = place.owed(self._spans())
            return sum(self.cutter.left(span.start, span.until) for span in spans)
        return self.cutter.left(place.at)

    def adopt(self, position: str) -> Place:
        """Read a position that a receiver gave back.

        Raises:
            ValueError: it is none of ours.
        """
        place = read(position)
        try:
            self.cutter.left(place.at)
            for span in place.open:
                self.cutter.left(span.start, span.until)
        except DecodeError as error:
            raise ValueError(str(error)) from error
        return place

    def leap(self, position: str, away_ms: int) -> int:
        """Leave a backlog to ``backfill``, if there is one; how many rows.

        Where the file wants no backfill the lane just goes on at the head.
        """
        place, spans = read(position), self._spans()
        place = self._passed(place, spans)
        if any(span.number > place.jumps for span in spans):
            return 0
        rows = self.cutter.left(place.at)
        owed = self._owing(spans)
        if rows <= (self.some if away_ms > AWAY_MS else self.many) or len(owed) >= OPEN:
            return 0
        head = self.cutter.head()
        if self.backfill == "none":
            self.ledger.advance(self.key, str(Place(head, place.jumps, owed)), rows)
        else:
            span = Span(place.jumps + 1, place.at, head)
            self.ledger.jump(self.key.sink, self.cutter.epoch, span)
        return rows

    def _live(self, place: Place, most: int) -> Portion:
        spans = self._spans()
        place = self._passed(place, spans)
        for span in (span for span in spans if span.number > place.jumps):
            if span.start not in ("", place.at):
                cut = self.cutter.cut(place.at, most, span.start)
                if cut.rows or cut.more:
                    return self._shown(cut, place, spans, more=True)
            place = Place(span.until, span.number)
        cut = self.cutter.cut(place.at, most)
        return self._shown(cut, place, spans, more=cut.more)

    def _passed(self, place: Place, spans: Sequence[Span]) -> Place:
        """Behind jumps that only ``backfill`` knows of, because the ledger was lost since.

        Its receiver would know them from ``live`` itself, had that sent anything behind them.
        """
        back = self._back()
        known = any(span.number == place.jumps + 1 for span in spans)
        return Place(back.at, back.jumps) if back.jumps > place.jumps and not known else place

    def _shown(self, cut: Cut, place: Place, spans: Sequence[Span], *, more: bool) -> Portion:
        return Portion(cut.rows, Place(cut.position, place.jumps, self._owing(spans)), more=more)

    def _owed(self, place: Place, most: int) -> Portion:
        spans = self._spans()
        owed = list(place.owed(spans))
        at, jumps = place.at, place.jumps
        if spans and spans[-1].number > jumps:
            at, jumps = spans[-1].until, spans[-1].number
        oldest = self.backfill == "oldest"
        while owed:
            span = owed.pop(0) if oldest else self._newest(owed)
            cut = self.cutter.cut(span.start, most, span.until)
            if cut.more:
                owed.insert(0 if oldest else len(owed), span._replace(start=cut.position))
            if cut.rows or cut.more:
                return Portion(cut.rows, Place(at, jumps, tuple(owed)), bool(owed))
        return Portion((), Place(at, jumps), more=False)

    def _newest(self, owed: list[Span]) -> Span:
        """Take the last stretch of the newest span; what is before it stays."""
        span = owed.pop()
        middle = self.cutter.back(span.until, STRETCH, span.start)
        if middle in (span.start, span.until, ""):
            return span
        if self.cutter.left(span.start, middle) == 0:
            return span
        owed.append(span._replace(until=middle))
        return span._replace(start=middle)

    def _back(self) -> Place:
        """Where ``backfill`` is, as far as its receiver has acknowledged it."""
        if self.backfill == "none":
            return Place()
        state = self.ledger.state(Key(self.key.sink, Lane.BACKFILL))
        return read(state.position if state.base == self.cutter.epoch else "")

    def _owing(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """What ``backfill`` owes; of a span that it sends in stretches, the whole."""
        whole: dict[int, Span] = {}
        for span in self._back().owed(spans) if self.backfill != "none" else ():
            first = whole.setdefault(span.number, span)
            whole[span.number] = first._replace(until=span.until)
        return tuple(whole.values())

    def _spans(self) -> list[Span]:
        return self.ledger.spans(self.key.sink, self.cutter.epoch)
