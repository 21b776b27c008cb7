"""Checking the audit chain of a database: the records, the checkpoints, and the rows they tell of.

Read in pages, so memory is bounded and the running gateway's WAL is not held up.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import Final

from gateway.core.audit import Entry, Head, Kind
from gateway.core.audit_walk import Break, Fault, Mark, Walk, beginning, walk
from gateway.core.checkpoints import Checkpoint, parse
from gateway.store import chain, salvage
from gateway.store.audit_rows import Ledger, row_breaks
from gateway.store.faults import translated

PAGE: Final = 500
"""Rows that are read at once."""

Trust = Callable[[Checkpoint], str]
"""Why a checkpoint cannot be believed; empty when it can."""

_ENTRIES: Final = (
    "SELECT seq, at_ms, boot, mono_ms, clock, kind, subject, body, hash FROM audit "
    "WHERE seq > ? ORDER BY seq LIMIT ?"
)
TRIES: Final = 3
_DROPPED: Final = "SELECT 1 FROM audit WHERE kind = ? AND seq > ? LIMIT 1"
_CHECKPOINTS: Final = (
    "SELECT seq, document FROM audit_checkpoint WHERE seq > ? ORDER BY seq LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a chain."""

    epoch: str
    records: int
    first: int
    head: Head
    breaks: tuple[Break, ...]
    more: int
    """Breaks beyond these."""
    checkpoints: int
    """Checkpoints that agree with it."""
    good: int
    """The last record that such a checkpoint is over; 0 when there is none."""
    uncovered: Mapping[str, int]
    """Rows older than the chain, or rescued from a damaged database: table -> how many."""

    @property
    def whole(self) -> bool:
        """Nothing is wrong with it."""
        return not self.breaks


def entries(connection: sqlite3.Connection, after: int = 0) -> Iterator[Entry]:
    """Records in order, from the one behind ``after``."""
    while page := connection.execute(_ENTRIES, (after, PAGE)).fetchall():
        yield from map(Entry._make, page)
        after = page[-1][0]


def checkpoints(connection: sqlite3.Connection, after: int = 0) -> Iterator[tuple[int, str]]:
    """(record, document) in order."""
    while page := connection.execute(_CHECKPOINTS, (after, PAGE)).fetchall():
        yield from page
        after = page[-1][0]


def mark(seq: int, words: str, trust: Trust, epoch: str, place: str = "") -> Mark:
    """What a checkpoint says, once it was looked at whether it may be believed."""
    try:
        made = parse(words)
    except ValueError as error:
        return Mark(seq, b"", f"over record {seq}{place}", str(error))
    fault = trust(made)
    if not fault and made.epoch != epoch:
        fault = f"it is of chain {made.epoch or '?'}, and this is chain {epoch or '?'}"
    elif not fault and seq and made.seq != seq:
        fault = f"it is over record {made.seq}, and stands at {seq}"
    return Mark(seq or made.seq, made.hash, f"of {made.made}{place}", fault)


def check(connection: sqlite3.Connection, trust: Trust, others: Iterable[str] = ()) -> Checked:
    """Walk the whole chain; again, if the running gateway dropped old rows meanwhile.

    Args:
        connection: may only read.
        trust: whether a checkpoint is by the right key.
        others: checkpoints that somebody kept outside (JSON).

    Raises:
        StoreError: it cannot be read.
    """
    given = list(others)
    with translated("audit"):
        found = _check(connection, trust, given)
        for _ in range(TRIES):
            dropped = connection.execute(_DROPPED, (Kind.RETENTION.value, found.head.seq))
            if found.whole or dropped.fetchone() is None:
                break
            found = _check(connection, trust, given)
    return found


def _check(connection: sqlite3.Connection, trust: Trust, others: Iterable[str]) -> Checked:
    epoch = chain.epoch(connection)
    first = next(entries(connection), None)
    bottom = first.seq - 1 if first else 0
    own = (mark(seq, words, trust, epoch) for seq, words in checkpoints(connection, bottom - 1))
    outside = sorted((mark(0, words, trust, epoch, " (given)") for words in others), key=_seq)
    start, broken = beginning(first, (one for one in own if one.seq == bottom))
    notes = _Notes(epoch, first)
    notes.ledger.salvaging = salvage.pending(connection)
    own = (mark(seq, words, trust, epoch) for seq, words in checkpoints(connection, bottom))
    found = walk(notes.passing(entries(connection)), start, merge(own, outside, key=_seq))
    breaks = [*([broken] if broken else []), *notes.breaks(), *found.breaks]
    rows, uncovered = row_breaks(connection, notes.ledger)
    return _checked(epoch, found, sorted(breaks, key=_seq) + rows, uncovered)


def _seq(one: Break | Mark) -> int:
    return one.seq


def _checked(epoch: str, found: Walk, breaks: list[Break], uncovered: Mapping[str, int]) -> Checked:
    return Checked(
        epoch,
        found.records,
        found.first,
        found.head or Head(),
        tuple(breaks),
        found.more,
        found.marks,
        found.good,
        uncovered,
    )


class _Notes:
    """What records say of the chain itself, taken down while they pass."""

    def __init__(self, epoch: str, first: Entry | None) -> None:
        self._epoch = epoch
        self._genesis = _tree(first.body) if first and first.seq == 1 else None
        older = None if self._genesis is None else _numbers(self._genesis)
        self.ledger = Ledger(older=older, first=first.seq if first else 1)

    def passing(self, found: Iterable[Entry]) -> Iterator[Entry]:
        """The same records."""
        floors, salvaged = self.ledger.floors, self.ledger.salvaged
        for entry in found:
            if entry.kind == Kind.RETENTION:
                until = _numbers(_tree(entry.body)).get("until", 0)
                floors[entry.subject] = max(floors.get(entry.subject, 0), until)
            elif entry.kind == Kind.SALVAGE:
                copied = _tree(entry.body).get("copied")
                for table, rows in _numbers(copied if isinstance(copied, dict) else {}).items():
                    salvaged[table] = salvaged.get(table, 0) + rows
            yield entry

    def breaks(self) -> Iterator[Break]:
        """What does not fit together; asked when all have passed."""
        told, first = self.ledger.floors.get("audit", 0), self.ledger.first
        if first - 1 > told:
            gone = f"records {told + 1} to {first - 1} are gone, and no record says that they were"
            yield Break(told + 1, Fault.MISSING, f"{gone} dropped")
        if self._genesis is not None and self._genesis.get("epoch") != self._epoch:
            yield Break(1, Fault.CHANGED, f"it does not begin chain {self._epoch or '?'}")


def _numbers(tree: Mapping[str, object]) -> dict[str, int]:
    return {name: one for name, one in tree.items() if type(one) is int}


def _tree(body: str) -> dict[str, object]:
    try:
        tree = json.loads(body)
    except (ValueError, TypeError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}
