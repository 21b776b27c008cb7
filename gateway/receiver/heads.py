"""Heads of audit chains, as gateways anchor them here: each must extend the one before.

A chain that was cut off and written anew verifies in itself. Who keeps its signed heads sees it:
the same place has another hash, or the chain goes back. Nothing is ever refused for it: the head
is stored with the alarm beside it, and a person is shown both (docs/audit.md).
"""

from typing import NamedTuple

from gateway.adapters.signing import holds
from gateway.core import checkpoints
from gateway.core.batches import Row
from gateway.core.checkpoints import Checkpoint


class Anchor(NamedTuple):
    """What is remembered of a head."""

    seq: int
    hash: str
    """Hexadecimal."""
    public_key: str


class Head(NamedTuple):
    """A head as it came."""

    chain: str
    """Epoch of the audit chain; a gateway that begins anew has another one."""
    anchor: Anchor
    document: str
    alarm: str
    """What is wrong with it in itself; empty: nothing."""


def head_of(row: Row) -> Head:
    """The head in a row of kind ``checkpoint``; a document that is none is kept with an alarm."""
    try:
        found = checkpoints.of_tree(row["body"])
    except (ValueError, KeyError, AttributeError) as error:
        return Head("", Anchor(0, "", ""), str(row.get("body")), f"no checkpoint: {error}"[:200])
    alarm = "" if _signed(found) else "its signature does not hold"
    anchor = Anchor(found.seq, found.hash.hex(), found.public_key)
    return Head(found.epoch, anchor, found.document, alarm)


def contradiction(told: Anchor, newest: Anchor | None, same: Anchor | None) -> str:
    """What a head says against those before it; empty: nothing.

    Args:
        told: the head that came.
        newest: the one with the highest number of its chain so far.
        same: the first one with its own number.
    """
    if same is not None and same.hash != told.hash:
        return f"record {told.seq} of the chain has another hash than before"
    if newest is not None and told.seq < newest.seq and same is None:
        return f"the chain goes back from record {newest.seq} to {told.seq}"
    if newest is not None and told.public_key != newest.public_key:
        return "it is signed by another key than the one before"
    return ""


def _signed(found: Checkpoint) -> bool:
    content, signature = found.signed
    return holds(content, signature, found.public_key)
