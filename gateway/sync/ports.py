"""What a lane is given: its clock, its sink, and somebody who listens."""

from collections.abc import Callable
from typing import Protocol

from gateway.core.batches import Stream
from gateway.core.sink_ports import Sink
from gateway.core.sync_pace import Now

Make = Callable[[Stream], Sink]
"""Makes the sink of a stream."""


class Clock(Protocol):
    """What a lane reads time from."""

    def now(self) -> Now:
        """This moment."""
        ...


class Tell(Protocol):
    """Who hears what is news."""

    def __call__(self, event: str, /, **keys: object) -> None:
        """Something happened in this lane."""
        ...
