"""Who is told how versions fare, and does nothing about it."""

from collections.abc import Iterable


class Nobody:
    """Does not care how versions fare."""

    def loaded(self, name: str) -> None:
        pass

    def refused(self, name: str, why: str) -> None:
        pass

    def killed(self, names: Iterable[str], why: str) -> None:
        pass
