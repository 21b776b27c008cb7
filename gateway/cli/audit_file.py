"""An exported audit chain: one JSON object a line, records and, behind theirs, checkpoints."""

import json
from collections.abc import Iterable
from pathlib import Path

from gateway.core.audit import Head, entry_of
from gateway.core.audit_walk import Fault, Mark, Walk
from gateway.core.checkpoints import SIGNATURE
from gateway.errors import StoreError
from gateway.store.audit_check import Checked, Trust, mark


def check_file(path: Path, trust: Trust, others: Iterable[str]) -> Checked:
    """Walk an export, line by line.

    Args:
        path: the file.
        trust: whether a checkpoint is by the right key.
        others: checkpoints that somebody kept elsewhere (JSON).

    Raises:
        StoreError: it cannot be read.
    """
    found, epoch = Walk(), ""
    given = {mark(0, words, trust, epoch).seq: words for words in others}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                epoch = _line(found, number, line.strip(), trust, epoch)
                words = given.pop(found.head.seq, "") if found.head else ""
                if words:
                    found.check(mark(0, words, trust, epoch, " (given)"))
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: {error}") from error
    for _, words in sorted(given.items()):
        _outside(found, mark(0, words, trust, epoch, " (given)"))
    return Checked(
        epoch, found.records, found.first, found.head or Head(), tuple(found.breaks), found.more,
        found.marks, found.good, {},
    )  # fmt: skip


def _line(found: Walk, number: int, line: str, trust: Trust, epoch: str) -> str:
    """Take one line; returns the chain's epoch, as far as it is known."""
    if not line:
        return epoch
    if f'"{SIGNATURE}":' in line and '"kind":' not in line:
        epoch = epoch or _epoch(line)
        _mark(found, mark(0, line, trust, epoch))
        return epoch
    try:
        entry = entry_of(line)
    except ValueError as error:
        seq = found.head.seq + 1 if found.head else 1
        found.say(seq, Fault.CHANGED, f"line {number}: {error}")
        return epoch
    if found.head is None and entry.seq == 1:
        found.head = Head()
        epoch = epoch or str(json.loads(entry.body).get("epoch", ""))
    found.take(entry)
    return epoch


def _mark(found: Walk, one: Mark) -> None:
    if found.head is None and not one.fault:  # what stands before the first record
        found.head = Head(one.seq, one.hash)
    elif found.head is not None and one.seq > found.head.seq and not one.fault:
        found.beyond(one)
    else:
        found.check(one)


def _outside(found: Walk, one: Mark) -> None:
    """A kept checkpoint over a record that the file does not have."""
    last = found.head.seq if found.head else 0
    if one.fault:
        found.check(one)
    elif one.seq > last:
        found.beyond(one)
    else:
        told = f"checkpoint {one.name} is over it, and the file does not have it"
        found.say(one.seq, Fault.MISSING, told)


def _epoch(line: str) -> str:
    try:
        tree = json.loads(line)
    except ValueError:
        return ""
    return str(tree.get("epoch", "")) if isinstance(tree, dict) else ""
