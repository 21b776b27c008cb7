"""The size of a document: at most 8 KiB; beyond that what the table names is shortened, and said.

Subscribers are small, too: a microcontroller, a phone, Home Assistant's database. What is left out
of a document is in ``edge-gateway query`` or on another topic.
"""

from collections.abc import Sequence
from typing import Final

from gateway.core import topic_tree_list
from gateway.core.topic_tree import Document, encode

LIMIT: Final = 8_192
"""Bytes of a payload."""


def payload(topic: str, document: Document) -> bytes:
    """The bytes of a document for a topic below the base, not more than it may have."""
    made = encode(document)
    if len(made) <= LIMIT:
        return made
    kind = topic_tree_list.find(topic)
    return encode(shortened(document, kind.cut)) if kind else made


def shortened(document: Document, paths: Sequence[str], limit: int = LIMIT) -> Document:
    """Halve what ``paths`` name, one after the other, until the document is small enough.

    ``cut`` tells how many entries (of a text: characters) are left out of each. The first entries
    stay. A document with nothing more to shorten is given as it is.
    """
    left_out: dict[str, int] = {}
    for path in paths:
        while len(encode(document)) > limit:
            halved = _halved(document, path.split("."))
            if halved is None:
                break
            document, lost = halved
            left_out[path] = left_out.get(path, 0) + lost
            document = document | {"cut": dict(left_out)}
    return document


def _halved(document: Document, steps: Sequence[str]) -> tuple[Document, int] | None:
    """A copy with less at the end of ``steps``, and how much less; None when nothing is there."""
    first, *rest = steps
    inside = document.get(first)
    if rest:
        found = _halved(inside, rest) if isinstance(inside, dict) else None
        return None if found is None else (document | {first: found[0]}, found[1])
    if not isinstance(inside, list | dict | str) or not inside:
        return None
    keep = len(inside) // 2
    if isinstance(inside, dict):
        return document | {first: dict(list(inside.items())[:keep])}, len(inside) - keep
    return document | {first: inside[:keep]}, len(inside) - keep
