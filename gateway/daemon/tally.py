"""Tally: what happened since the start, counted for whoever draws curves."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from gateway.core.commands import Command
from gateway.core.verdicts import Decision
from gateway.web.series import BY_NAME

BUCKETS: Final = BY_NAME["inference_seconds"].buckets


class Tally:
    """An ear on what is announced, and on what the worker took."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.decisions: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.levels: Counter[str] = Counter()
        self.took: list[int] = [0] * (len(BUCKETS) + 1)
        """Calls of the worker by how long they took; the last are longer than all bounds."""
        self.took_s = 0.0

    def timed(self, took_s: float) -> None:
        """The worker answered a call."""
        self.took[bisect_left(BUCKETS, took_s)] += 1
        self.took_s += took_s

    def logged(self, event: MutableMapping[str, Any]) -> None:
        """An event was written; from any thread, and one that is missed does no harm."""
        self.levels[event["level"]] += 1

    # -- an Ear ---------------------------------------------------------------------------------

    def decision(self, made: Decision) -> None:
        """One was made."""
        self.decisions[made.event] += 1

    def command(self, order: Command) -> None:
        """One has a new state."""
        self.commands[order.state.value] += 1

    def fresh(self, asset: str, *, fresh: bool) -> None:
        """Told with the assets."""

    def event(self, kind: str, keys: Mapping[str, object]) -> None:
        """Something happened to the gateway itself."""
        del keys
        self.events[kind] += 1
