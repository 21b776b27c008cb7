"""What a radio has to do, and when, in site time: reports that come round, answers under way."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import count

from gateway.core.ports import Outgoing
from gateway.demo.thing import Clock

Act = Callable[[int], Iterable[Outgoing]]
"""Given the wall clock [ms], what is published."""


class Agenda:
    """Acts by the time they are due; acts due at one time keep the order they were planned in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._acts: list[tuple[float, int, Act]] = []
        self._order = count()

    def after(self, seconds: float, act: Act) -> None:
        """Do ``act`` when so many seconds have passed at the site."""
        heappush(self._acts, (self._clock.at_s + seconds, next(self._order), act))

    def due(self, now_ms: int) -> Iterator[Outgoing]:
        """Do what was planned up to the site's present."""
        while self._acts and self._acts[0][0] <= self._clock.at_s:
            yield from heappop(self._acts)[2](now_ms)
