"""Probation of a configuration: does the gateway stay as well as it was before?

What counts is what is wrong now and was not before: a problem that stands for a while, at once; at
the end any problem, and any asset of which nothing fresh is known any more.
"""

from collections.abc import Collection, Iterable
from typing import Final

SETTLE_MS: Final = 60_000
"""A new problem may stand so long: brokers reconnect, models are loaded."""
SHARE: Final = 3
"""In a short probation, so much of it at most: the third part."""


class Probation:
    """One configuration, watched."""

    def __init__(
        self, problems: Iterable[str], fresh: Iterable[str], probation_ms: int, mono_ms: int
    ) -> None:
        """Begin now.

        Args:
            problems: what was wrong before.
            fresh: assets of which something fresh was known before.
            probation_ms: how long it lasts.
            mono_ms: now.
        """
        self._known = {_about(text) for text in problems}
        self._fresh = frozenset(fresh)
        self._settle_ms = min(SETTLE_MS, probation_ms // SHARE)
        self._ends_ms = mono_ms + probation_ms
        self._since: dict[str, int] = {}

    def look(
        self, problems: Iterable[str], assets: Collection[str], fresh: Collection[str], mono_ms: int
    ) -> str | None:
        """Look again.

        Args:
            problems: what is wrong now.
            assets: those that the configuration still has.
            fresh: those of them of which something fresh is known.
            mono_ms: now.

        Returns:
            why it failed; empty when it passed; None while neither is certain.
        """
        new = {_about(text): text for text in problems if _about(text) not in self._known}
        self._since = {about: self._since.get(about, mono_ms) for about in new}
        over = mono_ms >= self._ends_ms
        for about, text in new.items():
            stood_ms = mono_ms - self._since[about]
            if over or stood_ms >= self._settle_ms:
                return f"since it is in force: {text}"
        if not over:
            return None
        gone = sorted(self._fresh & set(assets) - set(fresh))
        return f"nothing fresh is known any more of {', '.join(gone)}" if gone else ""


def _about(text: str) -> str:
    """What a problem is about: the rest of its text may change while it stands."""
    return text.partition(":")[0]
