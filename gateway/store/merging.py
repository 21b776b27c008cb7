"""When the WAL is merged into the database: between commits, so that none waits for it.

SQLite by itself does it within the commit that makes the WAL too long. That is often one with a
command, which has ten times the pages of others, and whose publish would wait for two more syncs.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.store import connecting
from gateway.store.files import beside

_HEAD: Final = 32
_FRAME_HEAD: Final = 24
_SALT: Final = slice(16, 24)
"""Of the WAL's head; each frame has it from its eighth byte on (sqlite.org/fileformat2.html, 4.1).
It is another one when the WAL is started from the front: so frames of before are known."""


class Merging:
    """How long the WAL is, as its file says: its size does not, and SQLite only when it merges."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        """Nothing was merged."""
        self._connection = connection
        self._wal = beside(database, "-wal")
        self._merged = (b"", 0)
        """Salt and frames of the WAL that was merged; it goes on if somebody still reads it."""
        self.due = False
        """It is long enough."""

    def committed(self) -> None:
        """The WAL grew."""
        with suppress(OSError), self._wal.open("rb", buffering=0) as file:
            head = file.read(_HEAD)
            salt, page = head[_SALT], int.from_bytes(head[8:12], "big")
            before = self._merged[1] if salt == self._merged[0] else 0
            last = before + connecting.CHECKPOINT_PAGES - 1
            at = _HEAD + last * (page + _FRAME_HEAD) + 8
            self.due = any(salt) and os.pread(file.fileno(), len(salt), at) == salt

    def run(self) -> None:
        """Merge it, as far as readers allow.

        An error is no news, as in SQLite's own checkpoints: what was committed is in the WAL.
        """
        self.due = False
        with suppress(sqlite3.Error, OSError):
            query = "PRAGMA wal_checkpoint(PASSIVE)"
            _, frames, _ = self._connection.execute(query).fetchone()
            with self._wal.open("rb") as file:
                self._merged = file.read(_HEAD)[_SALT], frames
