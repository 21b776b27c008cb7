"""Cursors: what the receiver's says, held against our own notes.

The receiver is the authority: what it holds it holds, and what it does not hold has to be sent,
whatever our notes say.
"""

from enum import StrEnum

from gateway.core.batches import Cursor, Header


class Case(StrEnum):
    """What has to be done."""

    SAME = "same"
    """Send the kept batch, or cut the next one."""
    TAKEN = "taken"
    """It has the kept batch; only its answer was lost."""
    PART = "part"
    """It has the first rows of the kept batch: send the others."""
    AHEAD = "ahead"
    """It has rows that we do not know of, so our notes are lost: go on from its position."""
    BEHIND = "behind"
    """It lost rows: go back to where they were cut, and cut again."""
    ANEW = "anew"
    """Nobody knows where its cursor is in the database: begin a new stream."""


def compare(seq: int, kept: Header | None, cursor: Cursor | None, marked: str | None) -> Case:
    """Hold the receiver's cursor against ours.

    Args:
        seq: the last row that we know it to have.
        kept: the batch that it has not acknowledged.
        cursor: its own; None: it cannot tell, so ours counts.
        marked: where in the database its row is, by our marks; None: by none of them.
    """
    at = seq if kept is None else kept.after
    if cursor is None or cursor.seq == at:
        return Case.SAME
    if kept is not None and at < cursor.seq <= kept.last:
        return Case.TAKEN if cursor.seq == kept.last else Case.PART
    if cursor.seq > at:
        return Case.AHEAD if cursor.position else Case.ANEW
    known = marked is not None or (cursor.seq > 0 and cursor.position)
    return Case.BEHIND if known else Case.ANEW
