"""Connections to PostgreSQL, kept for the next batch; each is used by one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from typing import Any, Final

from gateway.errors import SinkGapError, SinkUnavailableError, StoreError
from gateway.sinks.postgres_line import Line, RowError

TIMEOUT_S: Final = 60.0
IDLE: Final = 4
"""Connections kept."""
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
"""What is answered is on the disk, whatever the server's default is."""


class Pool:
    """Made when needed, closed when one fails: the others of that server are as dead."""

    def __init__(self, words: dict[str, Any]) -> None:
        """Take the words of libpq; connects at first use."""
        self._words = words
        self._idle: LifoQueue[Line] = LifoQueue(IDLE)

    @contextmanager
    def line(self) -> Iterator[Line]:
        """A connection.

        Raises:
            StoreError: there is none, or it failed.
        """
        line = None
        try:
            line = self._take()
            yield line
        except SinkGapError:
            self._keep(line)
            raise
        except (SinkUnavailableError, RowError) as error:
            self.close(line)
            raise StoreError(f"PostgreSQL: {error}") from error
        except BaseException:
            self.close(line)
            raise
        self._keep(line)

    @contextmanager
    def transaction(self) -> Iterator[Line]:
        """A transaction on a connection, whole or not at all.

        Raises:
            StoreError: nobody knows whether it was committed.
        """
        with self.line() as line:
            line.run("BEGIN")
            try:
                yield line
            except SinkGapError:
                line.run("ROLLBACK")
                raise
            line.run("COMMIT")

    def close(self, failed: Line | None = None) -> None:
        """Let the connections go that nobody uses, and one that failed."""
        if failed is not None:
            failed.close()
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _take(self) -> Line:
        try:
            return self._idle.get_nowait()
        except Empty:
            line = Line(self._words, TIMEOUT_S)
            line.run(_DURABLE)
            return line

    def _keep(self, line: Line | None) -> None:
        if line is None or self._idle.full():
            self.close(line)
        else:
            self._idle.put_nowait(line)
