"""Walking an audit chain: whether it is whole, and where it breaks first.

Each record must follow from the one before it, and each checkpoint must agree with the record it
was made over. After a break the walk goes on from what is there, so that what is whole behind it is
known, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.audit import Entry, Head, link, text

MOST: Final = 100
"""Breaks that are remembered; more are counted."""
LOOK: Final = 1_000
"""So many records behind a break it is looked whether the wanted one was moved there."""


class Fault(StrEnum):
    """What can be wrong with a chain."""

    CHANGED = "changed"
    """It does not follow from the record before it."""
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    """A checkpoint knows more records than there are."""
    REWRITTEN = "rewritten"
    """The records agree with each other, but not with a checkpoint."""
    REFUSED = "checkpoint refused"
    """It is not by the key, or of another chain."""
    ROW_CHANGED = "row changed"
    """The decision's or command's row says something else than its record."""
    ROW_MISSING = "row missing"
    ROW_UNRECORDED = "row unrecorded"
    """A row that no record tells of."""


class Break(NamedTuple):
    """One place where a chain is not whole."""

    seq: int
    what: Fault
    detail: str

    def __str__(self) -> str:
        return f"record {self.seq}: {self.what}: {self.detail}"


class Mark(NamedTuple):
    """What a checkpoint says of a chain."""

    seq: int
    hash: bytes
    name: str
    """How people call it: when it was made, and where it is from."""
    fault: str = ""
    """Why it cannot be believed; empty when its signature holds."""


@dataclass(slots=True)
class Walk:
    """What is known of a chain so far."""

    head: Head | None = None
    """The last record; None before the first where its predecessor is not known."""
    first: int = 0
    """The first record that was seen."""
    records: int = 0
    breaks: list[Break] = field(default_factory=list)
    more: int = 0
    """Breaks beyond ``MOST``."""
    good: int = 0
    """The last checkpoint that agreed."""
    marks: int = 0
    """Checkpoints that agreed."""
    _sought: tuple[int, bytes, bytes] | None = None
    """A place that broke: its number, what stands before it, what its hash should be."""

    def take(self, entry: Entry) -> None:
        """The next record."""
        self.records += 1
        self.first = self.first or entry.seq
        head = self.head
        if self._sought is not None:
            self._seek(entry)
        if head is not None:
            if entry.seq <= head.seq:
                self._late(entry.seq, head.seq)
                return
            if entry.seq > head.seq + 1:
                self.say(head.seq + 1, Fault.MISSING, _gone(head.seq + 1, entry.seq - 1))
            elif _hashed(head.hash, entry) != entry.hash:
                self._sought = self._sought or (entry.seq, head.hash, entry.hash)
                self.say(entry.seq, Fault.CHANGED, "it does not follow from the record before it")
        self.head = Head(entry.seq, entry.hash)

    def check(self, mark: Mark) -> None:
        """A checkpoint over the record taken last."""
        if mark.fault:
            self.say(mark.seq, Fault.REFUSED, f"checkpoint {mark.name}: {mark.fault}")
        elif self.head is None or self.head != (mark.seq, mark.hash):
            if not self.breaks:
                since = f"after record {self.good}, whose checkpoint agrees" if self.good else ""
                told = f"checkpoint {mark.name} says otherwise; it was rewritten {since}".rstrip()
                self.say(mark.seq, Fault.REWRITTEN, told)
        else:
            self.good = mark.seq
            self.marks += 1

    def beyond(self, mark: Mark) -> None:
        """A checkpoint over a record behind the last one."""
        last = self.head.seq if self.head else 0
        if mark.fault:
            self.say(mark.seq, Fault.REFUSED, f"checkpoint {mark.name}: {mark.fault}")
        elif all(one.what is not Fault.TRUNCATED for one in self.breaks):
            told = f"the chain ends at {last}, checkpoint {mark.name} is over {mark.seq}"
            self.say(last + 1, Fault.TRUNCATED, told)

    def say(self, seq: int, what: Fault, detail: str) -> None:
        """Note a break."""
        if len(self.breaks) < MOST:
            self.breaks.append(Break(seq, what, detail))
        else:
            self.more += 1

    def _late(self, seq: int, after: int) -> None:
        """A record comes behind later ones; where it belongs it was missed."""
        told = Break(seq, Fault.REORDERED, f"it comes after record {after}")
        for place, one in enumerate(self.breaks):
            if one.seq == seq and one.what is Fault.MISSING:
                self.breaks[place] = told
                return
        self.say(*told)

    def _seek(self, entry: Entry) -> None:
        """Whether this is the record that should have stood where the chain broke."""
        assert self._sought is not None  # noqa: S101  # asked before
        seq, before, wanted = self._sought
        if _hashed(before, entry._replace(seq=seq)) in (entry.hash, wanted):
            told = f"the record that belongs here is now number {entry.seq}"
            for place, one in enumerate(self.breaks):
                if one.seq == seq and one.what is Fault.CHANGED:
                    self.breaks[place] = Break(seq, Fault.REORDERED, told)
            self._sought = None
        elif entry.seq > seq + LOOK:
            self._sought = None


def walk(entries: Iterable[Entry], start: Head | None, marks: Iterable[Mark]) -> Walk:
    """Follow a chain to its end.

    Args:
        entries: in the order they are kept in.
        start: what stands before the first; None when that is not known.
        marks: checkpoints in the order of their records, none before ``start``.
    """
    found = Walk(head=start)
    waiting = iter(marks)
    mark = next(waiting, None)
    for entry in entries:
        while mark is not None and mark.seq < entry.seq:  # its record is missing
            if mark.fault:
                found.check(mark)
            mark = next(waiting, None)
        found.take(entry)
        while mark is not None and mark.seq == entry.seq:
            found.check(mark)
            mark = next(waiting, None)
    while mark is not None:
        found.beyond(mark)
        mark = next(waiting, None)
    return found


def beginning(first: Entry | None, anchors: Iterator[Mark]) -> tuple[Head | None, Break | None]:
    """What stands before the first record of a chain, by itself or by a checkpoint.

    Args:
        first: the first record; None when there is none.
        anchors: checkpoints over the record before it.
    """
    if first is None:
        return Head(), Break(1, Fault.MISSING, "there are no records")
    if first.seq == 1:
        return Head(), None
    for mark in anchors:
        if not mark.fault and mark.seq == first.seq - 1:
            return Head(mark.seq, mark.hash), None
    told = f"{_gone(1, first.seq - 1)}, and no signed checkpoint stands for them"
    return None, Break(1, Fault.MISSING, told)


def _gone(first: int, last: int) -> str:
    return f"records {first} to {last} are gone" if last > first else f"record {first} is gone"


def _hashed(before: bytes, entry: Entry) -> bytes:
    try:
        return link(before, text(entry))
    except (TypeError, ValueError):
        return b""
