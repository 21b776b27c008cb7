"""One connection to PostgreSQL on which every step has a deadline, also when the server is frozen.

libpq waits for an answer as long as TCP is alive; a stopped process keeps TCP alive for ever. Here
a timer shuts the socket when a step takes too long. ``cut`` does the same from another thread: the
connection itself belongs to the thread that uses it (libpq, 34.19 "Behavior in Threaded Programs").
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import SinkUnavailableError

if TYPE_CHECKING:
    import psycopg

_OF_ROWS: Final = ("22", "23", "54", "P0001")
"""SQLSTATEs that a row brings about: data, constraints, limits of the program, a trigger's word."""
ADVICE: Final[Mapping[str, tuple[str, float]]] = {
    "25006": ("it is read-only, a standby perhaps: name the primary in host", 10.0),
    "28000": ("check username, and pg_hba.conf of the server", 30.0),
    "28P01": ("check username and password_file", 30.0),
    "3D000": ("make the database: createdb", 30.0),
    "42501": ("see 'Rights' in docs/sinks/postgres.md", 30.0),
    "42703": ("a table has lost a column: see 'Tables' in docs/sinks/postgres.md", 30.0),
    "53100": ("its disk is full", 60.0),
    "53300": ("it has too many connections", 10.0),
    "57014": ("it was too slow: raise timeout_s, or see what blocks it", 0.0),
}
"""By SQLSTATE (PostgreSQL 16, Appendix A): what to do, and how long to wait."""


class RowError(Exception):
    """The server refuses what a row says."""


class Line:
    """A connection."""

    def __init__(self, words: Mapping[str, Any], timeout_s: float) -> None:
        """Connect with these words of libpq.

        Raises:
            SinkUnavailableError: it does not come about.
        """
        import psycopg

        self._timeout_s = timeout_s
        self._late = False
        try:
            self._connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
                autocommit=True, prepare_threshold=None, **words
            )
        except psycopg.Error as error:
            raise unavailable(error) from error
        self._plug = socket.socket(fileno=os.dup(self._connection.fileno()))

    def run(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement; its rows, if it has any.

        Raises:
            RowError: the server refuses what it says.
            SinkUnavailableError: any other failure; the connection is of no use after it.
        """
        with self._step() as connection:
            done = connection.execute(query.encode(), values or None)
            return done.fetchall() if done.description else []

    def copy(self, query: str, lines: bytes) -> None:
        """``COPY ... FROM STDIN``, with a second more for each kilobyte; raises as ``run``."""
        with (
            self._step(len(lines) / 1_000) as connection,
            connection.cursor() as cursor,
            cursor.copy(query.encode()) as copy,
        ):
            copy.write(lines)

    def cut(self) -> None:
        """End what goes on, from any thread."""
        with suppress(OSError):
            self._plug.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go; for the thread that uses it."""
        self._connection.close()
        self._plug.close()

    @contextmanager
    def _step(self, more_s: float = 0.0) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        import psycopg

        guard = threading.Timer(self._timeout_s + more_s, self._overdue)
        guard.daemon = True
        guard.start()
        try:
            yield self._connection
        except psycopg.Error as error:
            if (error.sqlstate or "").startswith(_OF_ROWS):
                raise RowError(_first(error)) from error
            if self._late:
                told = f"no answer within {self._timeout_s + more_s:g} s"
                raise SinkUnavailableError(told) from error
            raise unavailable(error) from error
        finally:
            guard.cancel()

    def _overdue(self) -> None:
        self._late = True
        self.cut()


def unavailable(error: "psycopg.Error") -> SinkUnavailableError:
    """What a failure means for whoever sends."""
    advice, wait_s = ADVICE.get(error.sqlstate or "", ("", 0.0))
    told = f"{_first(error)}: {advice}" if advice else _first(error)
    return SinkUnavailableError(told, wait_s)


def _first(error: "psycopg.Error") -> str:
    said = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    where = error.diag.context or ""
    column = where.partition(", column ")[2].partition(":")[0]
    return f"{said} (column {column})" if column else said
