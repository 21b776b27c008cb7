"""Pacing: the pace of one sink, shared by the threads of its lanes and kept in the ledger."""

import threading
from typing import Final

from gateway.core.batches import Lane
from gateway.core.sync_pace import Allowance, Now, Pace, Patience, Wait, next_send
from gateway.store.sync_ledger import Ledger

LEAST: Final = 4_096
"""Bytes of a batch that are always worth the way."""


class Pacing:
    """One sink's; any thread may use it."""

    def __init__(self, sink: str, allowance: Allowance, ledger: Ledger) -> None:
        """Go on with what was spent today."""
        self._sink = sink
        self._ledger = ledger
        self._allowance = allowance
        self._lock = threading.Lock()
        self._pace = Pace(allowance, *ledger.spent(sink))

    def wait(self, lane: Lane, patience: Patience, now: Now) -> Wait:
        """When a lane may send, and what it waits for."""
        with self._lock:
            return next_send(self._pace, patience, lane, now)

    def sent(self, size: int, now: Now) -> None:
        """So many bytes are about to go; written down first, so that a crash gives none back."""
        with self._lock:
            self._pace.sent(size, now)
            day = self._pace.day
        self._ledger.spend(self._sink, day, size)

    def today(self, now: Now) -> int:
        """Bytes of this day."""
        with self._lock:
            return self._pace.today(now)

    def room(self, lane: Lane, most: int, now: Now) -> int:
        """How large a batch should be at most, so that it keeps nobody waiting for long."""
        limits = self._allowance
        if lane is not Lane.EVENTS and limits.budget is not None:
            most = min(most, max(limits.budget - self.today(now), LEAST))
        if limits.rate is not None:
            most = min(most, max(round(limits.rate), LEAST))
        return most
