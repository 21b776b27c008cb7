"""Listener: what the inference says of versions, and to whom."""

from collections.abc import Iterable
from typing import Protocol


class Listener(Protocol):
    """Who is told how versions fare, by the names they are loaded under."""

    def loaded(self, name: str) -> None:
        """It reproduced its golden vectors."""
        ...

    def refused(self, name: str, why: str) -> None:
        """Its package is refused; trying again cannot help."""
        ...

    def killed(self, names: Iterable[str], why: str) -> None:
        """The worker died or hung while one of them was loaded or asked."""
        ...
