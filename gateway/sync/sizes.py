"""Sizes: how many rows make a batch of the size that is wanted."""

from typing import Final

from gateway.core.batches import Batch

MOST_ROWS: Final = 5_000
MOST_BYTES: Final = 256 * 1024
OVER: Final = 1.25
"""A batch may be so much longer than wanted before it is cut again."""
NARROWER: Final = 8
"""A batch that is refused is cut again with a part of its rows, to find the ones it is about."""


class Sizes:
    """What is known of the rows of one lane."""

    def __init__(self) -> None:
        """A row of readings packs to about 15 bytes, one of events to some hundred."""
        self._per_row = 20.0
        self._narrow = MOST_ROWS

    def rows(self, room: int) -> int:
        """How many rows to try."""
        return max(1, min(MOST_ROWS, self._narrow, int(room / self._per_row)))

    def less(self, batch: Batch, room: int) -> int:
        """How many rows to try instead of this batch; 0: it may stay."""
        size = len(batch.payload)
        self._per_row = max(size / batch.rows, 1.0)
        return 0 if size <= room * OVER else max(1, int(room / self._per_row))

    def refused(self, batch: Batch) -> None:
        """It was refused whole."""
        self._narrow = max(1, batch.rows // NARROWER)

    def found(self) -> None:
        """The row that it was about is set aside."""
        self._narrow = max(1, self._narrow)

    def taken(self, batch: Batch) -> None:
        """It was taken."""
        self._narrow = min(MOST_ROWS, max(self._narrow, batch.rows) * 4)
