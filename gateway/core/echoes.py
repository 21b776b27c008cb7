"""Echoes: whether what a device shows is what it was told.

Values come back changed: ``"200"`` as ``200``, ``On`` as ``ON`` or ``1``, ``21.5`` as ``21.499``.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

TOLERANCE = 1e-3
"""Relative; a device that rounds further away did not do what it was told."""
LARGEST = 1e300
"""Above it, and for infinity and NaN, there is nothing to compare."""

_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_SWITCHED = {"on": 1.0, "true": 1.0, "off": 0.0, "false": 0.0}


def shows(wanted: Mapping[str, object], tree: object) -> bool:
    """Tell whether a document shows every value that was ordered, and at least one."""
    if not wanted or not (type(tree) is dict or isinstance(tree, Mapping)):
        return False
    return all(key in tree and agrees(value, tree[key]) for key, value in wanted.items())


class Denied(NamedTuple):
    """What a device shows instead of what it was told."""

    text: str
    """``state=ON``; empty when it shows nothing else."""
    final: bool
    """A word differs; a number may still be on its way."""


def denied(wanted: Mapping[str, object], tree: object) -> Denied:
    """Tell what a document shows otherwise than it was ordered."""
    if not isinstance(tree, Mapping):
        return Denied("", final=False)
    wrong = {
        key: tree[key] for key, to in wanted.items() if key in tree and not agrees(to, tree[key])
    }
    moving = all(_moves(wanted[key]) and _moves(shown) for key, shown in wrong.items())
    return Denied(", ".join(f"{key}={shown}"[:80] for key, shown in wrong.items()), not moving)


def _moves(value: object) -> bool:
    """A number that is no word for on and off."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain or (isinstance(value, str) and _NUMBER.fullmatch(value.strip()) is not None)


def agrees(wanted: object, shown: object) -> bool:
    """Tell whether a shown value is the wanted one."""
    if type(wanted) is str and wanted == shown:
        return True  # nearly always, and most quickly told
    if isinstance(wanted, Mapping):
        return shows(wanted, shown)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(shown, list)
            and len(shown) == len(wanted)
            and all(map(agrees, wanted, shown))
        )
    left, right = number(wanted), number(shown)
    if left is not None and right is not None:
        return abs(left - right) <= TOLERANCE * abs(left) + 1e-9
    return isinstance(wanted, str) and isinstance(shown, str) and _same(wanted, shown)


def number(value: object) -> float | None:
    """Read a number, a number in a string, or a word for on and off; None for all else."""
    if isinstance(value, str):
        word = value.strip().lower()
        if _NUMBER.fullmatch(word):
            value = float(word)
        else:
            return _SWITCHED.get(word)
    if isinstance(value, bool | int | float) and abs(value) < LARGEST:
        return float(value)
    return None


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
