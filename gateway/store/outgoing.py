"""Outgoing: what clouds are sent, read from outside the daemon, a page at a time.

Each page is one short read, fetched at once, by a connection that cannot write: an open read would
keep the writer's WAL from starting over. What several statements see together, they see in one
``snapshot``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self

from gateway.core.audit import Entry
from gateway.errors import StoreReadOnlyError
from gateway.store import chain
from gateway.store.faults import translated
from gateway.store.packing import COLUMNS, Row
from gateway.store.readback import Series
from gateway.store.reader import Reader

_REPORTS: Final = f"SELECT {COLUMNS} FROM report WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"  # noqa: S608 - our own words
_AUDIT: Final = (
    "SELECT seq, at_ms, boot, mono_ms, clock, kind, subject, body, hash FROM audit "
    "WHERE seq > ? ORDER BY seq LIMIT ?"
)
_CHECKPOINTS: Final = (
    "SELECT seq, at_ms, document FROM audit_checkpoint WHERE seq > ? ORDER BY seq LIMIT ?"
)
_QUEUED: Final = (
    "SELECT id, kind, asset, at_ms, body, clock FROM sync_row "
    "WHERE kind = ? AND id > ? ORDER BY id LIMIT ?"
)
_HOURS: Final = (
    "SELECT series, hour_at_ms, n, low, mean, high FROM reading_hour "
    "WHERE series = ? AND hour_at_ms BETWEEN ? AND ? ORDER BY hour_at_ms LIMIT ?"
)


class Queued(NamedTuple):
    """A row that is stored for clouds alone."""

    id: int
    kind: str
    asset: str
    at_ms: int
    body: str
    """JSON."""
    clock: int


class Checkpoint(NamedTuple):
    """A signed word about the end of the audit chain."""

    seq: int
    at_ms: int
    document: str
    """JSON."""


class Hour(NamedTuple):
    """What thinning left of one series in one hour."""

    series: int
    at_ms: int
    n: int
    low: float
    mean: float
    high: float


class Outgoing(Reader):
    """A connection that cannot write, for as long as the same file is there."""

    _file: tuple[int, int]
    _path: Path
    epoch: str
    """Of the database: another one after damage."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the database for reading.

        Raises:
            StoreReadOnlyError: there is none, or it cannot be opened.
            StoreCorruptError: it is damaged.
            StoreError: it is not a database of this program.
        """
        with translated(f"open {path}"):
            file = _identity(path) if path.exists() else (0, 0)
        found = super().open(path)
        found.look_at(path, file)
        return found

    def look_at(self, path: Path, file: tuple[int, int]) -> None:
        """Remember which file this is, by device and inode."""
        self._path, self._file = path, file
        with translated(f"open {path}"):
            self.epoch = chain.epoch(self._connection)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read within is of one moment.

        Raises:
            StoreReadOnlyError: another database took the place of this one: open it again.
            StoreError: it cannot be read.
        """
        with translated("outgoing"):
            if _identity(self._path) != self._file:
                raise StoreReadOnlyError(f"another database is at {self._path} now")
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def shape(self) -> int:
        """Another number when ids of layouts and series may mean others: erasing vacuums."""
        return self._number("PRAGMA schema_version")

    # -- readings -------------------------------------------------------------------------------

    def reports(self, after: int, until: int, limit: int) -> list[Row]:
        """Reports behind one, as they are stored; the caller looks at their checksums."""
        rows = self._connection.execute(_REPORTS, (after, until, limit)).fetchall()
        return list(map(Row._make, rows))

    def first_from(self, report: int) -> Row | None:
        """The first report from here on."""
        rows = self.reports(report - 1, 1 << 62, 1)
        return rows[0] if rows else None

    def kept_before(self, report: int) -> bool:
        """There is an older report: so this one was not reached by thinning, which goes by age."""
        query = "SELECT EXISTS (SELECT 1 FROM report WHERE id < ?)"
        return bool(self._number(query, report))

    def last_report(self) -> tuple[int, int]:
        """The newest report and when it came in; zeros when there never was one."""
        query = "SELECT id, received_at_ms FROM report ORDER BY id DESC LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return (0, 0) if row is None or row[0] < 0 else (int(row[0]), int(row[1]))

    def newest_until(self, report: int) -> Row | None:
        """The last report up to one."""
        query = f"SELECT {COLUMNS} FROM report WHERE id <= ? ORDER BY id DESC LIMIT 1"  # noqa: S608
        row = self._connection.execute(query, (report,)).fetchone()
        return None if row is None else Row._make(row)

    def layout(self, layout: int) -> tuple[Series, ...]:
        """The series of a layout, in order; remembered until ``forget``."""
        return self._unpacker.layout(layout)

    def forget(self) -> None:
        """Read layouts and series anew."""
        self._unpacker.forget()

    def boot(self, boot: int) -> str:
        """The name of a boot; empty when it is not known."""
        return self._unpacker.boot(boot)

    def ran_until(self, boot: int) -> int | None:
        """Until when the newest boot is known to have run, monotonic; None: it is not this one."""
        query = "SELECT id, last_mono_ms FROM boot ORDER BY id DESC LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return int(row[1]) if row is not None and row[0] == boot else None

    def series(self) -> list[Series]:
        """Everything that was ever stored, by id."""
        query = "SELECT id, key, asset, source, device, metric, unit FROM series ORDER BY id"
        return list(map(Series._make, self._connection.execute(query).fetchall()))

    def hours(self, series: Sequence[int], since_ms: int, until_ms: int, limit: int) -> list[Hour]:
        """Hourly values from one hour to another, by series in the given order."""
        found: list[Hour] = []
        for one in series:
            rows = self._connection.execute(_HOURS, (one, since_ms, until_ms, limit - len(found)))
            found += map(Hour._make, rows.fetchall())
            if len(found) >= limit:
                break
        return found

    # -- events ---------------------------------------------------------------------------------

    def records(self, after: int, limit: int) -> list[Entry]:
        """Records of the audit chain behind one."""
        return list(map(Entry._make, self._connection.execute(_AUDIT, (after, limit)).fetchall()))

    def checkpoints(self, after: int, limit: int) -> list[Checkpoint]:
        """Checkpoints behind the one over a record."""
        rows = self._connection.execute(_CHECKPOINTS, (after, limit)).fetchall()
        return list(map(Checkpoint._make, rows))

    def checkpoints_left(self, after: int) -> int:
        """How many these are."""
        return self._number("SELECT count(*) FROM audit_checkpoint WHERE seq > ?", after)

    def queued(self, kind: str, after: int, limit: int) -> list[Queued]:
        """Rows that are stored for clouds alone, behind one."""
        rows = self._connection.execute(_QUEUED, (kind, after, limit)).fetchall()
        return list(map(Queued._make, rows))

    def queued_left(self, kind: str, after: int) -> int:
        """How many these are."""
        return self._number("SELECT count(*) FROM sync_row WHERE kind = ? AND id > ?", kind, after)

    def newest(self, table: str) -> int:
        """The newest record or checkpoint; 0 when there is none."""
        return self._number(f"SELECT coalesce(max(seq), 0) FROM {table}")  # noqa: S608 - our names

    def newest_queued(self) -> int:
        """The newest row that was ever stored for clouds."""
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'sync_row'"
        return self._number(query)

    def _number(self, query: str, *parameters: object) -> int:
        return int(self._connection.execute(query, parameters).fetchone()[0])


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
