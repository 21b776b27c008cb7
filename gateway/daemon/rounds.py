"""Rounds: which windows may be judged together."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gateway.core.watch import Watch


class _Due(Protocol):
    @property
    def watch(self) -> Watch: ...


T = TypeVar("T", bound=_Due)


def rounds(due: Sequence[T]) -> list[list[T]]:
    """Windows that are due, in rounds: all at once, but one by one where a state is carried.

    The state for the second window of an asset is in the answer to its first.
    """
    found: list[list[T]] = []
    seen: dict[str, int] = {}
    for item in due:
        asset, place = item.watch.asset.id, 0
        if any(state.carried is not None for _, state in item.watch.states()):
            place = seen[asset] = seen.get(asset, -1) + 1
        while len(found) <= place:
            found.append([])
        found[place].append(item)
    return found
