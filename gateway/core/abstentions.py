"""Abstentions: how often each model answers, and why it does not."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Final

TURNS: Final = 1_000
"""The last so many turns of a model are counted."""
ANSWERED: Final = "answered"
_PREFIX: Final = "model:"


def kind(why: str) -> str:
    """The first word of an abstention: bad, gap, coverage, range, interval, worker ..."""
    return why.split(" ", 1)[0].rstrip(":") or "unknown"


def outcomes(
    scores: Mapping[str, float], abstained: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(model, ``answered`` or the kind of its abstention) of each model that a turn came to."""
    for rung, why in abstained.items():
        if rung.startswith(_PREFIX):
            yield rung.removeprefix(_PREFIX), kind(why)
    for model in scores:
        if f"{_PREFIX}{model}" not in abstained:
            yield model, ANSWERED


class Abstentions:
    """The last turns of every model, of all assets together."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._turns: dict[str, deque[str]] = {}
        self._counts: dict[str, Counter[str]] = {}

    def note(self, model: str, outcome: str) -> None:
        """One turn of a model: ``answered`` or the kind of its abstention."""
        turns = self._turns.setdefault(model, deque())
        counts = self._counts.setdefault(model, Counter())
        turns.append(outcome)
        counts[outcome] += 1
        if len(turns) > TURNS:
            counts[turns.popleft()] -= 1

    def rates(self) -> dict[str, dict[str, object]]:
        """By model: turns counted, share that abstained, and that share by reason."""
        return {model: self._rate(model) for model in sorted(self._turns)}

    def _rate(self, model: str) -> dict[str, object]:
        turns, counts = len(self._turns[model]), self._counts[model]
        reasons = {
            why: round(count / turns, 4)
            for why, count in sorted(counts.items())
            if count and why != ANSWERED
        }
        silent = round(1 - counts[ANSWERED] / turns, 4)
        return {"turns": turns, "abstained": silent, "reasons": reasons}
