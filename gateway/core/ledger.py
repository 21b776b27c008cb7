"""The ledger: the commands that were, or may have been, sent, as far as limits count them.

Its axis is running time: how long the gateway has run, over all boots. A wall clock that jumps
moves nothing here, and time while the machine was off does not count, so nothing opens early.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.core.commands import Command, State
from gateway.core.guards import Deed

KEPT_MS: Final = 25 * 3_600_000
"""Uses that are older, and not the last of their action, are forgotten."""


@dataclass(slots=True)
class Use:
    """One command, or one that was permitted and is about to be made."""

    command: str
    """Its id; empty while it has none."""
    deed: Deed
    at_ms: int
    """Running time: when it was sent; until then, when it was permitted or stored."""
    value: float | None = None
    sent: bool = False
    ended_ms: int | None = None
    """Running time at its end; None: it is on its way."""


class Ledger:
    """What was sent, and what is on its way."""

    def __init__(self) -> None:
        """Nothing was sent."""
        self._uses: dict[Deed, list[Use]] = {}
        self._times: list[int] = []
        """When each of them was, sorted: those of all actions are asked about at each command."""

    def take(self, uses: Iterable[Use]) -> None:
        """Take up what the store knows, oldest first."""
        for use in uses:
            self._uses.setdefault(use.deed, []).append(use)
            insort(self._times, use.at_ms)

    def grant(self, deed: Deed, value: float | None, running_ms: int) -> None:
        """Count a permitted action until its command is stored or ``settle`` is called."""
        self.take((Use("", deed, running_ms, value),))

    def redeem(self, deed: Deed) -> None:
        """The command of a permitted action is made: it counts by itself from now on."""
        uses = self._uses.get(deed, [])
        for use in uses:
            if not use.command:
                self._drop(uses, use)
                return

    def settle(self) -> None:
        """Every command that was permitted is made: what is left of the grants is void."""
        for uses in self._uses.values():
            for use in [use for use in uses if not use.command]:
                self._drop(uses, use)

    def note(self, command: Command, value: float | None, running_ms: int) -> None:
        """A command has a new state."""
        deed = Deed(command.asset, command.action)
        uses = self._uses.setdefault(deed, [])
        use = next((one for one in uses if one.command == command.id), None)
        if use is None:
            if command.ended:
                return  # refused before it was stored
            use = Use(command.id, deed, running_ms, value)
            self.take((use,))
        if command.state is State.SENT and not use.sent:
            del self._times[bisect_left(self._times, use.at_ms)]
            use.sent, use.at_ms = True, running_ms
            insort(self._times, running_ms)
        if command.ended:
            use.ended_ms = running_ms
            if not use.sent:
                self._drop(uses, use)
        self._forget(uses, running_ms)

    def _forget(self, uses: list[Use], running_ms: int) -> None:
        while len(uses) > 1 and uses[0].ended_ms is not None:
            if running_ms - uses[0].at_ms < KEPT_MS:
                return
            self._drop(uses, uses[0])

    def _drop(self, uses: list[Use], use: Use) -> None:
        uses.remove(use)
        del self._times[bisect_left(self._times, use.at_ms)]

    def total(self, span_ms: int, running_ms: int, deed: Deed, but: str = "") -> int:
        """As ``count``, of all assets; but for one command, which is one of ``deed``."""
        since = running_ms - span_ms
        own = (use for use in self._uses.get(deed, ()) if _same(use, but) and use.at_ms > since)
        return len(self._times) - bisect_right(self._times, since) - sum(1 for _ in own)

    def count(self, span_ms: int, running_ms: int, asset: str, but: str = "") -> int:
        """How many of an asset were sent within a span before now, those on their way included."""
        return sum(
            1
            for deed, uses in self._uses.items()
            if deed.asset == asset
            for use in uses
            if running_ms - use.at_ms < span_ms and not _same(use, but)
        )

    def of(self, deed: Deed, but: str = "") -> Iterator[Use]:
        """The uses of an action, oldest first, but for one command."""
        return (use for use in self._uses.get(deed, ()) if not _same(use, but))

    def last_ms(self, deed: Deed, but: str = "") -> int | None:
        """When an action was last used; None: never, as far as is known."""
        return max((use.at_ms for use in self.of(deed, but)), default=None)


def _same(use: Use, command: str) -> bool:
    return bool(command) and use.command == command
