"""Suspects: who ends the worker by being asked, found by asking them alone.

A process that dies while it judges windows of several models does not say which of them it was. So
all of them are suspects: each is asked in a call of its own, after all others, until it has
answered ``CLEARED`` calls. One that takes the worker with it ``STRIKES`` times, alone, is let rest:
it is not asked for a while, and the others judge undisturbed. Each further time makes the rest
longer; ``CLEARED`` answers in a row make up for all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

STRIKES: Final = 3
CLEARED: Final = 1_000
REST_MS: Final = 600_000
LONGEST_MS: Final = 86_400_000


@dataclass(slots=True)
class _File:
    """What is held against one."""

    left: int = CLEARED
    """Answers that it still owes, alone."""
    strikes: int = 0
    until_mono_ms: int = 0
    """Not asked before."""
    why: str = ""


class Suspects:
    """What is known of models that the worker may have died of."""

    def __init__(self) -> None:
        """Nobody is suspected."""
        self._files: dict[str, _File] = {}

    def lost(self, asked: Iterable[str], why: str, mono_ms: int) -> str:
        """The worker was lost, for this reason, with a call to these models.

        Returns:
            Who is to blame; empty while that is not known.
        """
        names = set(asked)
        files = [self._files.setdefault(name, _File()) for name in names]
        for file in files:
            file.left = CLEARED
        if len(names) != 1:
            return ""
        (file,) = files
        file.strikes, file.why = file.strikes + 1, why
        over = file.strikes - STRIKES
        if over >= 0:
            file.until_mono_ms = mono_ms + min(LONGEST_MS, REST_MS << min(over, 20))
        return names.pop()

    def answered(self, asked: Iterable[str]) -> None:
        """A call to these models was answered."""
        for name in self._files.keys() & set(asked):
            self._files[name].left -= 1
            if self._files[name].left <= 0:
                del self._files[name]

    def resting(self, name: str, mono_ms: int) -> str:
        """Why it must not be asked now; empty when it may."""
        file = self._files.get(name)
        if file is None or mono_ms >= file.until_mono_ms:
            return ""
        minutes = -(-(file.until_mono_ms - mono_ms) // 60_000)
        return (
            f"killed the worker {file.strikes} times when it was asked: {file.why};"
            f" asked again in {minutes} min"
        )

    def calls(self, names: Sequence[str], mono_ms: int) -> list[list[int]]:
        """Which questions go into one call, by their places.

        Args:
            names: the model of each question.
            mono_ms: now; questions to one that rests are in no call.

        Returns:
            Those to nobody suspected, then those to each suspect, the worst last.
        """
        if not self._files:
            return [list(range(len(names)))] if names else []
        together: list[int] = []
        alone: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            if not self.resting(name, mono_ms):
                (alone.setdefault(name, []) if name in self._files else together).append(place)
        worst_last = sorted(alone, key=lambda name: self._files[name].strikes)
        return [call for call in (together, *(alone[name] for name in worst_last)) if call]

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others: they are not asked any more."""
        kept = set(names)
        self._files = {name: file for name, file in self._files.items() if name in kept}
