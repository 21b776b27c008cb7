"""What a line for a person is made of: who, what, a colour; and how events are read for it."""

from collections.abc import Iterable, Mapping
from typing import Final

PLAIN, DIM, GREEN, YELLOW, RED, BOLD = "0", "2", "32", "33", "31", "1"
Said = tuple[str, str, str]
"""Who, what, colour."""

_MARGIN: Final = 19
"""Characters before what is said: the time and who says it."""


def column(lines: Iterable[str]) -> str:
    """Lines below one another, without the empty ones."""
    return f"\n{' ' * _MARGIN}".join(line for line in lines if line)


def mapping(value: object) -> Mapping[str, object]:
    """A part of an event that has parts; none if it is something else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """A part of an event that is a list; none if it is something else."""
    return value if isinstance(value, list) else []
