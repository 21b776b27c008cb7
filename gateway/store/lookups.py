"""What the writer's connection answers: what the daemon starts from, and what it shows."""

import sqlite3
from collections.abc import Collection, Iterator

from gateway.core.commands import Command
from gateway.store import queries
from gateway.store.batch import OutboxRow, StoredReading, StoredSignal
from gateway.store.faults import Guard
from gateway.store.readback import Unpacker


class Lookups:
    """Questions to an open database."""

    _connection: sqlite3.Connection
    _guard: Guard
    _unpacker: Unpacker

    def recent_keys(self, limit: int) -> list[int]:
        """Dedup keys of the newest reports, newest first."""
        with self._guard("recent keys"):
            return queries.recent_keys(self._connection, limit)

    def tail(self, since_ms: int, assets: Collection[str] | None = None) -> Iterator[StoredReading]:
        """Readings since a time, of some assets or all, oldest first; read it to its end."""
        with self._guard("tail"):
            yield from self._unpacker.tail(since_ms, assets)

    def latest(self) -> list[StoredReading]:
        """The newest reading of each series."""
        with self._guard("latest"):
            return self._unpacker.latest()

    def newest_signals(self) -> list[StoredSignal]:
        """The newest block of each signal that is not older than its reading."""
        with self._guard("newest signals"):
            return self._unpacker.newest_signals()

    def open_commands(self) -> list[Command]:
        """Commands that have not ended, oldest first."""
        with self._guard("open commands"):
            return queries.open_commands(self._connection)

    def kept(self, room: str) -> dict[str, str]:
        """What a room keeps: key -> text."""
        query = "SELECT key, text FROM kept WHERE room = ?"
        with self._guard("kept"):
            return dict(self._connection.execute(query, (room,)).fetchall())

    def counters(self) -> dict[tuple[str, str], int]:
        """The durable counters: (scope, reason) -> how many."""
        with self._guard("counters"):
            return queries.counters(self._connection)

    def cursors(self) -> dict[str, int]:
        """Sink name -> the last report row it has taken."""
        with self._guard("cursors"):
            return dict(self._connection.execute("SELECT sink, report FROM cursor").fetchall())

    def outbox(self, limit: int) -> list[OutboxRow]:
        """The oldest messages not yet published."""
        with self._guard("outbox"):
            return queries.outbox(self._connection, limit)
