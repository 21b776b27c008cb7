"""When the WAL is merged into the database: between commits, so that none waits for it.

SQLite by itself does it within the commit that makes the WAL too long. That is often one with a
command, which has ten times the pages of others, and whose publish would wait for two more syncs.
"""

import sqlite3
from contextlib import suppress
from typing import Final

from gateway.store import connecting

FIRST: Final = 8
"""Commits before the first one; then as many as it takes to fill the WAL."""


class Merging:
    """How long the WAL is, by the number of commits: only a checkpoint tells the pages."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Nothing was committed."""
        self._connection = connection
        self._commits = 0
        self._every = FIRST

    def committed(self) -> None:
        """The WAL grew."""
        self._commits += 1

    @property
    def due(self) -> bool:
        """It is long enough."""
        return self._commits >= self._every

    def run(self) -> None:
        """Merge it, as far as readers allow.

        An error is no news, as in SQLite's own checkpoints: what was committed is in the WAL.
        """
        commits, self._commits = self._commits, 0
        with suppress(sqlite3.Error):
            query = "PRAGMA wal_checkpoint(PASSIVE)"
            _, pages, _ = self._connection.execute(query).fetchone()
            self._every = max(1, commits * connecting.CHECKPOINT_PAGES // max(1, pages))
