"""What differs between two files, by key path: ``assets.pump-7.metrics.power.range``."""

from collections.abc import Iterator
from itertools import chain

from gateway.config import tree
from gateway.config.tree import Node


def changes(before: Node | None, after: Node | None, path: str = "") -> Iterator[str]:
    """Every key path whose value is another, is new or is gone; the deepest that says so."""
    if isinstance(before, tree.Mapping) and isinstance(after, tree.Mapping):
        for key in dict.fromkeys(chain(before.items, after.items)):
            below = f"{path}.{key}" if path else key
            old, new = before.items.get(key), after.items.get(key)
            if not path:  # a section that is new, or gone, is so many keys
                old, new = _section(old, new), _section(new, old)
            yield from changes(old, new, below)
    elif isinstance(before, tree.Sequence) and isinstance(after, tree.Sequence):
        if len(before.items) != len(after.items):
            yield path
            return
        for at, pair in enumerate(zip(before.items, after.items, strict=True)):
            yield from changes(*pair, f"{path}[{at}]")
    elif _said(before) != _said(after):
        yield path


def _section(one: Node | None, other: Node | None) -> Node | None:
    """A section that is not there, as an empty one."""
    if isinstance(other, tree.Mapping) and _said(one) is None:
        return tree.Mapping(other.mark)
    return one


def _said(node: Node | None) -> object:
    """A missing key, and one without a value, say the same."""
    if isinstance(node, tree.Scalar):
        return (node.text, node.quoted) if node.text or node.quoted else None
    return None if node is None else (type(node), tree.plain(node))
