"""Key paths, as ``changes`` gives them: ``assets.pump-7.metrics.power.range``."""

from collections.abc import Iterable
from typing import Final

SHOWN: Final = 40
"""More key paths than these are counted, not named."""


def under(path: str, key: str) -> bool:
    """A key path is this key, or below it."""
    return path == key or path.startswith((f"{key}.", f"{key}["))


def shown(paths: Iterable[str]) -> list[str]:
    """Key paths for an event: not more than people read."""
    every = list(paths)
    more = len(every) - SHOWN
    return [*every[:SHOWN], f"and {more} more"] if more > 0 else every
