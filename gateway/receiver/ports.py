"""What a store of a receiver promises; one file each."""

from typing import NamedTuple, Protocol

from gateway.core.batches import Cursor, Refused, Stream
from gateway.receiver.parcel import Parcel


class Taken(NamedTuple):
    """What became of a batch."""

    cursor: Cursor
    refused: tuple[Refused, ...] = ()
    """Its rows that were kept aside, also when it had been taken before."""
    rows: int = 0
    """Stored by this call: 0 for a batch that was there already."""
    alarms: tuple[str, ...] = ()
    """What audit heads in it contradict."""


class Standing(NamedTuple):
    """One stream, for people."""

    gateway: str
    epoch: str
    lane: str
    seq: int
    position: str
    rows: int
    refused: int
    rows_per_s: float
    """Of the last whole minute."""
    newest_at_ms: int
    """Of its rows."""
    taken_at_ms: int
    """When the last batch came."""


class Alarm(NamedTuple):
    """An audit head that contradicts those before it."""

    gateway: str
    chain: str
    seq: int
    at_ms: int
    alarm: str


class Store(Protocol):
    """Used by many threads at once."""

    def take(self, parcel: Parcel, at_ms: int) -> Taken:
        """Store rows and cursor in one transaction, durable when it returns.

        A batch that ends at the cursor or before it is there already: nothing is stored.

        Raises:
            SinkGapError: the stream's cursor stands elsewhere than where the batch begins.
            StoreError: nothing was stored.
        """
        ...

    def cursor(self, stream: Stream) -> Cursor:
        """How far a stream is; 0 for one that was never seen.

        Raises:
            StoreError: nobody knows.
        """
        ...

    def standings(self, now_ms: int) -> list[Standing]:
        """Every stream, by gateway.

        Raises:
            StoreError: they cannot be read.
        """
        ...

    def alarms(self) -> list[Alarm]:
        """Every alarm, oldest first.

        Raises:
            StoreError: they cannot be read.
        """
        ...

    def close(self) -> None:
        """Let it go."""
        ...
