"""Lane: one stream to one cloud, as a loop of steps.

========  =============================================================  ===================
state     a step                                                         then
========  =============================================================  ===================
``rest``  nothing to send: look whether there is (``backfill`` only)     ``ask``
``ask``   connect, and go to where the receiver's cursor is              ``send`` or ``cut``
``cut``   cut the next batch and keep it                                 ``send``, ``rest``
``send``  hand it over; whatever goes wrong, ask again                   ``cut`` or ``ask``
========  =============================================================  ===================

A step makes at most one call of the sink; between any two steps the process may die. Nothing here
sleeps: ``step`` says after how many milliseconds the next one is due.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from gateway.core.batches import Answer, Batch, Cursor
from gateway.core.batches import Lane as Name
from gateway.core.sync_cursors import Case
from gateway.core.sync_pace import Now, Patience, Why
from gateway.errors import GatewayError, SinkGapError, SinkRefusedError, StoreError
from gateway.sync.book import Book
from gateway.sync.door import Door
from gateway.sync.figures import Figures
from gateway.sync.gathering import Gathering
from gateway.sync.pacing import Pacing
from gateway.sync.ports import Clock, Make, Tell
from gateway.sync.sizes import Sizes

REST_MS: Final = 1_000
IDLE_MS: Final = 60_000
"""A lane that had nothing to send for so long lets its connection go."""
OFTEN_MS: Final = 3_600_000
"""A receiver is asked once in so long even by a lane that owes nothing: it may have lost rows."""
STUBBORN: Final = 20
"""Refusals in a row after which a receiver is taken for broken, and is given time."""


class State(StrEnum):
    """What the next step does."""

    REST = "rest"
    ASK = "ask"
    CUT = "cut"
    SEND = "send"


class Lane:
    """One lane of one sink; for one thread, but for ``close``."""

    def __init__(
        self,
        name: Name,
        make: Make,
        book: Book,
        pacing: Pacing,
        patience: Patience,
        clock: Clock,
        tell: Tell,
        every_ms: int,
    ) -> None:
        """Nothing is connected yet."""
        self._name = name
        self._door = Door(make)
        self._book = book
        self._pacing = pacing
        self._patience = patience
        self._clock = clock
        self._tell = tell
        self._gathering = Gathering(name, every_ms)
        self._sizes = Sizes()
        self._asked_ms = -OFTEN_MS
        self._refusals = self._gaps = 0
        self.state = State.REST
        self.figures = Figures()

    def step(self) -> int:
        """Do the next thing; gives the milliseconds until there is another one to do.

        Raises:
            StoreError: the database or the ledger refused: begin with a new lane.
        """
        wait = _STEPS[self.state](self)
        self.figures.state = self.state.value
        return wait

    def close(self) -> None:
        """Let the connection go; from any thread, to end a call that hangs."""
        self._door.close()

    # -- steps ----------------------------------------------------------------------------------

    def _rest(self) -> int:
        asked_ms = self._clock.now().mono_ms - self._asked_ms
        if not self._book.wanted and asked_ms < OFTEN_MS:
            self.figures.left = 0
            return REST_MS
        self.state = State.ASK
        return 0

    def _ask(self) -> int:
        wait = self._held()
        if wait:
            return wait
        try:
            cursor = self._door.cursor(self._book.stream)
        except (GatewayError, ImportError, OSError) as error:
            return self._failed(error)
        self.figures.up()
        self._reckon(cursor)
        return 0

    def _reckon(self, cursor: Cursor | None) -> None:
        self._asked_ms = self._clock.now().mono_ms
        ours, stream = self._book.state.seq, self._book.stream
        case = self._book.reckon(cursor)
        if case in (Case.AHEAD, Case.BEHIND) and cursor is not None:
            self._tell("sync_cursor_moved", case=case.value, ours=ours, theirs=cursor.seq)
        if self._book.stream != stream:
            self._tell("sync_stream_began", epoch=self._book.stream.epoch)
            self.close()
            return
        self._gathering.connected()
        self.state = State.SEND if self._book.kept is not None else State.CUT

    def _cut(self) -> int:
        now = self._clock.now()
        wait = self._gathering.wait(now) if self._book.ready else REST_MS
        if wait:
            return wait
        wait = self._held()
        if self.state is State.ASK:  # the hours are over
            return wait
        self._leap(now)
        room = self._pacing.room(self._name, self._door.most_bytes, now)
        rows = self._sizes.rows(room)
        found, more = self._book.cut(rows, lambda batch: self._sizes.less(batch, room))
        self._gathering.looked(now, more=more)
        if not more:
            self.figures.left = 0
        elif self.figures.outdated(now.mono_ms):
            self.figures.left = self._book.left()
        if found:
            self.state = State.SEND
        elif not more and self._name is Name.BACKFILL:
            self._idle(now)
        return 0

    def _idle(self, now: Now) -> None:
        """Nothing is owed: the connection is kept for a while."""
        if now.mono_ms - self.figures.taken_mono_ms > IDLE_MS:
            self.close()
            self.state = State.REST

    def _send(self) -> int:
        batch = self._book.kept
        if batch is None or not self._door.open:
            self.state = State.ASK
            return 0
        wait = self._held()
        if wait:
            return wait
        self._pacing.sent(len(batch.payload), self._clock.now())
        try:
            answer = self._door.send(batch)
        except SinkRefusedError as error:
            return self._refused(batch, str(error))
        except SinkGapError as error:
            self.state, self._gaps = State.ASK, self._gaps + 1
            return self._failed(error) if self._gaps > 1 else 0
        except (GatewayError, ImportError, OSError) as error:
            return self._failed(error)
        self._answered(batch, answer)
        return 0

    # -- outcomes -------------------------------------------------------------------------------

    def _answered(self, batch: Batch, answer: Answer) -> None:
        if answer.cursor.seq != batch.header.last:  # of another batch: ask where it is
            self.state = State.ASK
            return
        now = self._clock.now()
        stream = self._book.stream
        self._book.taken(answer.refused, now.at_ms)
        if answer.refused:
            reason = answer.refused[0].reason
            self._tell("sync_rows_refused", rows=len(answer.refused), reason=reason)
        self._patience.granted(answer, batch.rows, now)
        self._refusals = self._gaps = 0
        self._sizes.taken(batch)
        self.figures.took(batch.rows, now.mono_ms)
        self.state = State.CUT
        if self._book.stream != stream:
            self.close()
            self.state = State.ASK

    def _refused(self, batch: Batch, reason: str) -> int:
        """Never this batch: look for the row that it is about, or set it aside."""
        self.state = State.ASK
        self._refusals += 1
        if self._book.divisible:
            self._sizes.refused(batch)
            self._book.drop()
        else:
            self._sizes.found()
            self._book.refused(reason, self._clock.now().at_ms)
            self._tell("sync_rows_refused", rows=batch.rows, reason=reason)
        if self._refusals > STUBBORN:
            return self._failed(SinkRefusedError(reason))
        return 0

    def _failed(self, error: Exception) -> int:
        if isinstance(error, StoreError):
            raise error
        self.state = State.ASK
        self._patience.failed(self._clock.now(), getattr(error, "wait_s", 0.0))
        self.figures.down(str(error) or type(error).__name__)
        if self.figures.outdated(self._clock.now().mono_ms):
            self.figures.left = self._book.left()
        return self._held()

    # -- waiting --------------------------------------------------------------------------------

    def _held(self) -> int:
        """Milliseconds to wait before the network is touched; outside the hours nobody stays."""
        wait = self._pacing.wait(self._name, self._patience, self._clock.now())
        self.figures.waits = wait.why.value
        if wait.why is Why.HOURS:
            self.close()
            self.state = State.ASK
        return wait.ms

    def _leap(self, now: Now) -> None:
        """``live`` leaves a backlog to ``backfill``."""
        away_ms = self._gathering.behind(now)
        rows = 0 if away_ms is None else self._book.leap(away_ms)
        if rows:
            self._tell("sync_backlog_found", rows=rows)


_STEPS: Final[dict[State, Callable[[Lane], int]]] = {
    State.REST: Lane._rest,  # noqa: SLF001 - its own
    State.ASK: Lane._ask,  # noqa: SLF001
    State.CUT: Lane._cut,  # noqa: SLF001
    State.SEND: Lane._send,  # noqa: SLF001
}
