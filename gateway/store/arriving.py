"""How reports reach their table: few at a time pass through a table in memory.

When the last page of an index is full, SQLite spreads its entries over the two before it, which
leaves room for few more, so it soon does so again: commits of three reports wrote 1.7 pages of the
index on time each. What it copies from a table with the same columns and indexes (its "transfer
optimisation") it takes for sorted, and fills one page after the other: 1.2 pages, and a smaller
index. Without that optimisation the same would be stored.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from gateway.store import bulk
from gateway.store.packing import INSERT

MOST: Final = 64
"""Reports; more of them fill pages anyhow, and would cost a microsecond each."""
LATE_MS: Final = 500
"""What is older than the commit before by more than this belongs among full pages, and splits them:
pages that were filled to the end would be left half empty."""

_AT_MS: Final = 3
_STAGE: Final = INSERT.replace("INTO report", "INTO temp.arriving")
_COPY: Final = "INSERT INTO main.report SELECT * FROM temp.arriving"


class Arriving:
    """The table in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Make it like the one of reports, anew; ``PRAGMA temp_store`` takes it away."""
        self._connection = connection
        self._newest_at_ms = 0
        """Of the commit before."""
        query = "SELECT sql FROM main.sqlite_master WHERE name = 'report'"
        (table,) = connection.execute(query).fetchone()
        connection.execute("DROP TABLE IF EXISTS temp.arriving")
        connection.execute(table.replace("TABLE report", "TEMP TABLE arriving", 1))
        connection.execute("CREATE INDEX temp.arriving_at_ms ON arriving (at_ms)")

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Rows as ``packing.INSERT`` takes them; call within a transaction."""
        times = [row[_AT_MS] for row in rows]
        late = min(times) < self._newest_at_ms - LATE_MS
        self._newest_at_ms = max(times)
        if late or len(rows) > MOST:
            bulk.insert(self._connection, INSERT, rows)
            return
        bulk.insert(self._connection, _STAGE, rows)
        self._connection.execute(_COPY)
        self._connection.execute("DELETE FROM temp.arriving")
