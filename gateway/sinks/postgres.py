"""Rows into PostgreSQL, or TimescaleDB: COPY and the cursor in one transaction.

What is in the tables and what the cursor says can never differ, so nothing is lost and nothing is
stored twice, however the connection, the gateway or the server ends. The row of the stream is
locked while a batch is stored: of two senders one waits, and is then told of the gap.

A batch is tried as a whole. When the server refuses it for what a row says, it is halved until the
rows that it refuses are found; they go to ``refused`` with the server's words, the rest is stored.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from gateway.core.batches import Answer, Batch, Cursor, Refused, Row, Stream, unpack
from gateway.errors import (
    DecodeError,
    SinkError,
    SinkGapError,
    SinkRefusedError,
    SinkUnavailableError,
)
from gateway.sinks.postgres_line import Line, RowError
from gateway.sinks.postgres_settings import Settings, words
from gateway.sinks.postgres_tables import STATEMENTS, TABLES, Table, by_table, lines, names

NEEDS: Final = {"psycopg": "postgres"}
_LOCK: Final = 0x65646765
"""Of PostgreSQL's advisory locks: who makes the tables."""
_MISSING: Final = "SELECT 1 FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL"
_FIND: Final = "SELECT id, seq, position FROM stream WHERE (gateway, epoch, lane) = (%s, %s, %s)"
_BEGIN_STREAM: Final = (
    "INSERT INTO stream (gateway, epoch, lane) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
_MOVE: Final = "UPDATE stream SET seq = %s, position = %s, moved_at = now() WHERE id = %s"
_REFUSED: Final = (
    "SELECT seq, reason FROM refused WHERE stream = %s AND seq BETWEEN %s AND %s ORDER BY seq"
)
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
"""A commit that is answered is on the disk, whatever the server's default is."""


_Settings = Settings


class Sink:
    """One stream to one database, over a connection of its own."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        self._settings = settings
        self._stream = stream
        self._line: Line | None = None
        self._turn = threading.RLock()
        self._ended = False

    def cursor(self) -> Cursor:
        """Connect, make the tables that are missing, and read the stream's row.

        Raises:
            SinkUnavailableError: it cannot be reached, does not let us in, or may not be written.
        """
        with self._turn:
            self.close()
            self._ended = False
            try:
                return self._open()
            except (SinkError, RowError) as error:
                self.close()
                raise SinkUnavailableError(str(error), getattr(error, "wait_s", 0.0)) from error

    def send(self, batch: Batch) -> Answer:
        """Store it and wait for the commit.

        Raises:
            SinkUnavailableError: nobody knows whether it was committed.
            SinkGapError: the stream's row is elsewhere.
            SinkRefusedError: it is no batch, or a constraint refuses it as a whole.
        """
        with self._turn:
            try:
                return self._store(batch)
            except SinkError:
                self.close()
                raise

    def close(self) -> None:
        """Let the connection go; what another thread is in ends with it."""
        self._ended = True
        line = self._line
        if line is not None:
            line.cut()
        with self._turn:
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _open(self) -> Cursor:
        line = self._line = Line(words(self._settings, self._stream), self._settings.timeout_s)
        if self._ended:
            raise SinkUnavailableError("closed")
        line.run(_DURABLE)
        if line.run(_MISSING, ["stream", "refused", *(table.name for table in TABLES)]):
            line.run("BEGIN")
            line.run("SELECT pg_advisory_xact_lock(%s)", _LOCK)
            own = self._settings.schema
            if line.run("SELECT 1 WHERE to_regnamespace(%s) IS NULL", own):
                line.run(f"CREATE SCHEMA {own}")
            for statement in (*STATEMENTS, "COMMIT"):
                line.run(statement)
        found = line.run(_FIND, *self._stream)
        return Cursor(*found[0][1:]) if found else Cursor()

    def _store(self, batch: Batch) -> Answer:
        line = self._line
        if line is None:
            raise SinkUnavailableError("not connected")
        try:
            _, rows = unpack(batch.payload)
        except DecodeError as error:
            raise SinkRefusedError(str(error)) from error
        try:
            return self._transaction(line, batch, rows, _whole)
        except RowError:
            line.run("ROLLBACK")
        try:
            return self._transaction(line, batch, rows, _halving)
        except RowError as error:
            raise SinkRefusedError(str(error)) from error

    def _transaction(self, line: Line, batch: Batch, rows: Sequence[Row], way: "Way") -> Answer:
        header = batch.header
        line.run("BEGIN")
        stream, at = self._locked(line)
        if at.seq >= header.last:
            return Answer(at, self._refused(line, stream, batch))
        if at.seq != header.after:
            raise SinkGapError(*at)
        refused: list[Refused] = []
        for table, those in by_table(rows).items():
            refused += way(line, table, (stream, self._stream.gateway), those)
        for one in refused:
            line.run("INSERT INTO refused VALUES (%s, %s, %s)", stream, *one)
        line.run(_MOVE, *header.cursor, stream)
        line.run("COMMIT")
        return Answer(header.cursor, tuple(refused))

    def _locked(self, line: Line) -> tuple[int, Cursor]:
        """The stream's row, which nobody else moves before we commit."""
        found = line.run(f"{_FIND} FOR UPDATE", *self._stream)
        if not found:
            line.run(_BEGIN_STREAM, *self._stream)
            found = line.run(f"{_FIND} FOR UPDATE", *self._stream)
        stream, *at = found[0]
        return stream, Cursor(*at)

    def _refused(self, line: Line, stream: int, batch: Batch) -> tuple[Refused, ...]:
        """What was said of the rows of a batch that is here already; ends the transaction."""
        found = line.run(_REFUSED, stream, batch.header.first, batch.header.last)
        line.run("COMMIT")
        return tuple(Refused(*row) for row in found)


Way = Callable[[Line, Table, tuple[int, str], Sequence[Row]], list[Refused]]


def _whole(line: Line, table: Table, of: tuple[int, str], rows: Sequence[Row]) -> list[Refused]:
    """Store all of them.

    Raises:
        RowError: one of them is refused; the transaction is over.
    """
    line.copy(f"COPY {table.name} ({', '.join(names(table))}) FROM STDIN", lines(table, *of, rows))
    return []


def _halving(line: Line, table: Table, of: tuple[int, str], rows: Sequence[Row]) -> list[Refused]:
    """Store what can be stored, in its order; the others, each with the server's words."""
    line.run("SAVEPOINT half")
    try:
        _whole(line, table, of, rows)
    except RowError as error:
        line.run("ROLLBACK TO half")
        if len(rows) == 1:
            return [Refused(rows[0]["seq"], str(error))]
    else:
        line.run("RELEASE half")
        return []
    middle = len(rows) // 2
    first = _halving(line, table, of, rows[:middle])
    return first + _halving(line, table, of, rows[middle:])
