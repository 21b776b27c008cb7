"""The book of one lane: what it has sent, what is on its way, and what to believe of a cursor.

Everything here is one transaction of the ledger or none, so a process may die between any two calls
and the next one goes on from the ledger. No clock, no network.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from gateway.core.batches import Batch, Cursor, Lane, Refused, Row, Stream, pack, unpack
from gateway.core.sync_cursors import Case, compare
from gateway.core.sync_places import Place, read
from gateway.store.sync_entries import Aside
from gateway.store.sync_ledger import Ledger, State
from gateway.sync.supply import Supply

GONE: Final = "the database that it came from is gone, and the receiver cannot take it any more"


class Book:
    """One lane."""

    def __init__(
        self, gateway: str, ledger: Ledger, supply: Supply, fresh: Callable[[], str]
    ) -> None:
        """Go on from the ledger, or begin; ``fresh`` gives another word each time.

        Raises:
            StoreError: the ledger cannot be used.
        """
        self._gateway = gateway
        self._ledger = ledger
        self._supply = supply
        self._key = supply.key
        self._fresh = fresh
        self.state = State()
        self.kept: Batch | None = None
        self._doubted = ""
        self.read()
        self._of_now()

    def read(self) -> None:
        """Take up what the ledger says."""
        self.state = self._ledger.state(self._key)
        self.kept = self._ledger.kept(self._key, self._gateway)

    @property
    def stream(self) -> Stream:
        """Whose rows are sent now."""
        if self.kept is not None:
            return self.kept.header.stream
        return Stream(self._gateway, self.state.epoch, self._key.lane)

    @property
    def wanted(self) -> bool:
        """Whether the receiver has to be spoken to."""
        return (
            self.kept is not None
            or self._supply.wanted(self.state.position)
            or bool(self._ledger.again(self._key, 1))
        )

    def leap(self, away_ms: int) -> int:
        """Leave a backlog to ``backfill``; how many rows."""
        rows = self._supply.leap(self.state.position, away_ms)
        if rows:
            self.read()
        return rows

    @property
    def ready(self) -> bool:
        """Rows may be cut."""
        return self._supply.ready()

    def left(self) -> int:
        """About how many rows of the database are to be sent."""
        return self._supply.left(self.state.position)

    def _of_now(self) -> None:
        """Rows of another database than the one there is now end with the batch on its way."""
        base = self._supply.cutter.epoch
        if self.state.base != base and self.kept is None:
            self._ledger.begin(self._key, base, "", Cursor(0, self._supply.begin()))
            self.read()

    # -- the receiver's cursor ------------------------------------------------------------------

    def reckon(self, cursor: Cursor | None) -> Case:
        """Go to where the receiver is; ``ANEW`` means that there is another stream now."""
        case = self._case(cursor)
        if case in (Case.AHEAD, Case.BEHIND, Case.ANEW) and self._foreign():
            self.refused(GONE)
            return Case.ANEW
        if case is Case.TAKEN and self.kept is not None:
            self._doubt(self.kept)
        elif case is Case.PART and self.kept is not None and cursor is not None:
            self._rest(self.kept, cursor.seq)
        elif case in (Case.AHEAD, Case.BEHIND) and cursor is not None:
            case = self._go(cursor, case)
        if case is Case.ANEW:
            self._renew(cursor)
        elif not self.state.asked:
            self._ledger.asked(self._key)
        self.read()
        return case

    def _case(self, cursor: Cursor | None) -> Case:
        state, kept = self.state, self.kept
        if cursor is None:
            nothing = kept is None and not state.seq and not state.suffix
            # A ledger that was lost must not give numbers again that mean other rows.
            return Case.ANEW if nothing and not state.asked else Case.SAME
        marked = self._ledger.mark(self._key, cursor.seq)
        return compare(state.seq, kept.header if kept else None, cursor, marked)

    def _doubt(self, kept: Batch) -> None:
        """It has the batch, and only its answer is missing: ask for that once, by sending again.

        The answer says which rows it refused.
        """
        if self._doubted == kept.id:
            self.taken(())
        self._doubted = kept.id

    def _foreign(self) -> bool:
        return self.state.base != self._supply.cutter.epoch

    def _rest(self, kept: Batch, seq: int) -> None:
        rows = [_without_seq(row) for row in unpack(kept.payload)[1] if row["seq"] > seq]
        header = kept.header
        self._ledger.keep(self._key, pack(header.stream, seq, rows, header.position))

    def _go(self, cursor: Cursor, case: Case) -> Case:
        marked = self._ledger.mark(self._key, cursor.seq) if case is Case.BEHIND else None
        position = cursor.position if marked is None else marked
        try:
            place = self._supply.adopt(position)
        except ValueError:
            return Case.ANEW
        spans = place.open if self._key.lane == Lane.LIVE else ()
        self._ledger.move(self._key, Cursor(cursor.seq, position), spans)
        return case

    def _renew(self, cursor: Cursor | None) -> None:
        """Begin another stream where the receiver's rows end, or before."""
        position: str | None = self.state.position
        if cursor is not None:
            position = self._ledger.mark(self._key, cursor.seq, nearest=True)
        start = Cursor(0, self._supply.begin() if position is None else position)
        self._ledger.begin(self._key, self._supply.cutter.epoch, self._fresh(), start)
        self._ledger.asked(self._key)

    # -- batches --------------------------------------------------------------------------------

    def cut(self, most: int, fits: Callable[[Batch], int]) -> tuple[bool, bool]:
        """Cut the next batch and keep it.

        Args:
            most: rows.
            fits: how many rows to try instead; 0: it may stay as it is.

        Returns: whether there is one now, and whether there is more.

        Raises:
            StoreError: the database or the ledger refused.
        """
        again = self._ledger.again(self._key, most)
        if again:
            self.read()
            rows = [json.loads(row) for _, row in again]
            self._keep(rows, self.state.position, [id_ for id_, _ in again])
            return True, True
        while True:
            portion = self._supply.next(self.state.position, most)
            if not portion.rows:
                self._pass(portion.place)
                return False, portion.more
            batch = self._packed(portion.rows, str(portion.place))
            less = fits(batch)
            if not less or batch.rows == 1:
                self._ledger.keep(self._key, batch)
                self.kept = batch
                return True, portion.more
            most = max(1, min(less, batch.rows - 1))

    def _packed(self, rows: Sequence[Row], position: str) -> Batch:
        return pack(self.stream, self.state.seq, rows, position)

    def _keep(self, rows: Sequence[Row], position: str, again: Sequence[int]) -> None:
        self.kept = self._packed(rows, position)
        self._ledger.keep(self._key, self.kept, again)

    def _pass(self, place: Place) -> None:
        """Nothing is to be sent up to here; written down when that is news to ``backfill``."""
        position = str(place)
        if position != self.state.position:
            before = read(self.state.position)
            if (before.jumps, before.open) != (place.jumps, place.open):
                self._ledger.advance(self._key, position)
            self.state = replace(self.state, position=position)

    def taken(self, refused: Sequence[Refused], at_ms: int = 0) -> None:
        """The receiver has the batch on its way, but for these rows."""
        if self.kept is not None:
            self._ledger.taken(self._key, self.kept, _aside(self.kept, refused), at_ms)
            self.read()
            self._of_now()

    def drop(self) -> None:
        """Cut the batch again, maybe with fewer rows; not where only its bytes are left."""
        self._ledger.drop(self._key)
        self.read()

    @property
    def divisible(self) -> bool:
        """The batch on its way can be cut again, smaller."""
        kept = self.kept
        return (
            kept is not None
            and kept.rows > 1
            and kept.header.after == self.state.seq
            and kept.header.position != self.state.position  # or it is of rows offered again
            and not self._foreign()
        )

    def refused(self, reason: str, at_ms: int = 0) -> None:
        """The receiver will never take the batch on its way: set its rows aside."""
        if self.kept is not None:
            header = self.kept.header
            every = [Refused(seq, reason) for seq in range(header.first, header.last + 1)]
            self._ledger.refuse(self._key, self.kept, _aside(self.kept, every), at_ms)
            self.read()
            self._of_now()


def _aside(batch: Batch, refused: Sequence[Refused]) -> list[Aside]:
    if not refused:
        return []
    rows = {row["seq"]: row for row in unpack(batch.payload)[1]}
    return [
        Aside(seq, reason, json.dumps(_without_seq(rows[seq]), ensure_ascii=False))
        for seq, reason in refused
        if seq in rows
    ]


def _without_seq(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "seq"}
