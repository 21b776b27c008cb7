"""Reading the database from outside the daemon: while it writes, or when it does not run.

Rows are fetched at once, never one by one at the pace of whoever looks at them: an open read
keeps the writer's WAL from starting over, so it would grow.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from gateway.core.readings import Value
from gateway.errors import StoreError, StoreReadOnlyError
from gateway.store import schema
from gateway.store.audit_reader import AuditReader
from gateway.store.batch import StoredSignal
from gateway.store.connecting import connect_reader
from gateway.store.faults import kind_of, translated
from gateway.store.readback import Series, Unpacker

LIMIT: Final = 100_000
"""Rows of one answer, unless more are asked for."""

END_MS: Final = 1 << 62
"""Later than any reading."""

_READS: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_PRAGMAS: Final = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "page_count"}
    | {"page_size", "freelist_count", "quick_check", "integrity_check"}
)


class Table(NamedTuple):
    """The answer to a query."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    truncated: bool = False
    """There were more rows than asked for."""


class AssetReading(NamedTuple):
    """One reading of an asset."""

    at_ms: int
    metric: str
    value: Value
    unit: str
    reason: str


class Reader:
    """A connection that cannot write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unpacker = Unpacker(connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the database for reading.

        Raises:
            StoreReadOnlyError: there is none, or it cannot be opened.
            StoreCorruptError: it is damaged.
            StoreError: it is not a database of this program.
        """
        if not path.is_file():
            raise StoreReadOnlyError(f"there is no database at {path}: has the gateway run yet?")
        with translated(f"open {path}"):
            connection = connect_reader(path)
            if not schema.applied(connection):
                connection.close()
                raise StoreError(f"{path} is not a database of the gateway")
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def audit(self) -> AuditReader:
        """The audit chain.

        Raises:
            StoreError: the database is older than the chain.
        """
        return AuditReader(self._connection)

    @property
    def bad_rows(self) -> int:
        """Rows skipped because their checksum was wrong."""
        return self._unpacker.bad_rows

    def query(self, sql: str, params: Sequence[object] = (), limit: int = LIMIT) -> Table:
        """Run one statement that reads; the view ``reading`` shows readings one by one.

        Raises:
            StoreError: the statement is wrong, or would write; the message says which.
        """
        self._connection.set_authorizer(_authorize)
        try:
            cursor = self._connection.execute(sql, tuple(params))
            rows = cursor.fetchmany(limit + 1)
            cursor.close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _refusal(error) from error
        finally:
            self._connection.set_authorizer(None)
        columns = tuple(column[0] for column in cursor.description or ())
        return Table(columns, rows[:limit], len(rows) > limit)

    def readings(
        self,
        asset: str,
        since_ms: int,
        metric: str | None = None,
        limit: int = LIMIT,
        until_ms: int = END_MS,
    ) -> list[AssetReading]:
        """Readings of an asset from a time to another, oldest first; the newest ``limit`` of them.

        Raises:
            StoreError: the database has no such asset, or cannot be read.
        """
        with translated("readings"):
            wanted = self._series(asset, metric)
            return self._readings(wanted, (since_ms, until_ms), limit)

    def signals(
        self,
        asset: str,
        since_ms: int,
        metric: str | None = None,
        limit: int = 1,
        until_ms: int = END_MS,
    ) -> list[StoredSignal]:
        """Blocks of samples of an asset, oldest first; the newest ``limit`` of them.

        Raises:
            StoreError: the database has no such asset, or cannot be read.
        """
        with translated("signals"):
            wanted = self._series(asset, metric)
            newest = "SELECT DISTINCT report FROM signal_block"
            where = f"WHERE id IN ({newest}) AND at_ms BETWEEN ? AND ? ORDER BY at_ms DESC, id DESC"
            found: list[StoredSignal] = []
            for row in self._unpacker.rows(where, (since_ms, until_ms)):
                found += reversed(list(self._unpacker.signals(row, lambda s: s.id in wanted)))
                if len(found) >= limit:
                    break
            return found[:limit][::-1]

    def _series(self, asset: str, metric: str | None) -> frozenset[int]:
        query = "SELECT id, metric FROM series WHERE asset = ?"
        found = self._connection.execute(query, (asset,)).fetchall()
        if not found:
            raise StoreError(f"nothing was stored of asset {asset!r}; {self._known()}")
        names = sorted({name for _, name in found})
        if metric is not None and metric not in names:
            raise StoreError(f"asset {asset!r} has no metric {metric!r}; it has {', '.join(names)}")
        return frozenset(id_ for id_, name in found if metric in (None, name))

    def _known(self) -> str:
        rows = self._connection.execute("SELECT DISTINCT asset FROM series WHERE asset <> ''")
        names = sorted(name for (name,) in rows)
        return f"there are {', '.join(names)}" if names else "there are no readings of any asset"

    def _readings(
        self, wanted: frozenset[int], period: tuple[int, int], limit: int
    ) -> list[AssetReading]:
        found: list[AssetReading] = []
        for row in self._unpacker.rows(
            "WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms DESC, id DESC", period
        ):
            layout: tuple[Series, ...] = self._unpacker.layout(row.layout)
            if not any(series.id in wanted for series in layout):
                continue
            values = row.values()
            both = zip(layout, values, row.reasons(len(values)), strict=True)
            found.extend(
                AssetReading(row.at_ms, series.metric, value, series.unit, reason)
                for series, value, reason in reversed(list(both))
                if series.id in wanted
            )
            if len(found) >= limit:
                break
        return found[limit - 1 :: -1] if limit <= len(found) else found[::-1]


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    """Let a statement read; an ATTACH or a PRAGMA could undo ``query_only``."""
    del second
    if action in _READS or (action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _refusal(error: sqlite3.Error | sqlite3.Warning) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY):
        return StoreError("this command only reads: the statement was refused")
    kind = kind_of(error) if isinstance(error, sqlite3.Error) else None
    text = " ".join(str(error).split())
    return (kind or StoreError)(f"the statement is wrong: {text}" if kind is None else text)
