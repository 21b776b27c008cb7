"""The store in PostgreSQL: the tables of the gateway's own PostgreSQL sink, and a few beside.

So whether a gateway writes there itself or sends here, people find the same tables. Every batch is
one transaction that locks the row of its stream: of two receivers, or of a receiver and a gateway,
one waits for the other, and then sees that the rows are there.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Self

from gateway.core.batches import Cursor, Header, Refused, Row, Stream
from gateway.errors import ConfigError, SinkGapError
from gateway.receiver import postgres_tables as sql
from gateway.receiver.heads import Anchor, contradiction, head_of
from gateway.receiver.parcel import Good, Parcel
from gateway.receiver.ports import Alarm, Standing, Taken
from gateway.receiver.postgres_pool import Pool
from gateway.sinks import postgres_tables as tables
from gateway.sinks.postgres_line import Line, RowError
from gateway.sinks.postgres_tables import Table

MINUTE_MS: Final = 60_000
SCHEMA: Final = "edge"
"""As the sink has it; a URL with ``options=-c search_path=...`` names another."""
_WORDS: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "client_encoding": "UTF8",
    "application_name": "edge-gateway receiver",
    "options": f"-c search_path={SCHEMA}",
}


class Store:
    """A ``gateway.receiver.ports.Store``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    def look(cls, url: str) -> Self:
        """Open it, and make nothing.

        Raises:
            ConfigError: psycopg is not installed, or the URL is none.
        """
        try:
            from psycopg import Error
            from psycopg.conninfo import conninfo_to_dict
        except ImportError as error:
            raise ConfigError(f"{error}: pip install 'edge-gateway[postgres]'") from error
        try:
            words = conninfo_to_dict(url)
        except Error as error:
            raise ConfigError(f"--store: {error}") from error
        return cls(Pool({**_WORDS, **words}))

    @classmethod
    def open(cls, url: str) -> Self:
        """Open it, and make the tables that are missing.

        Raises:
            ConfigError: psycopg is not installed, or the URL is none.
            StoreError: it cannot be reached, or may not be written.
        """
        store = cls.look(url)
        with store._pool.transaction() as line:  # noqa: SLF001  # its own
            line.run("SELECT pg_advisory_xact_lock(%s)", sql.LOCK)
            if line.run("SELECT 1 WHERE current_schema() IS NULL"):
                line.run(f"CREATE SCHEMA {SCHEMA}")
            for statement in sql.TABLES:
                line.run(statement)
        return store

    def take(self, parcel: Parcel, at_ms: int) -> Taken:
        """Store rows and cursor, as ``ports.Store`` says."""
        header = parcel.header
        with self._pool.transaction() as line:
            id_, at = _locked(line, header.stream)
            if at.seq >= header.last:
                return Taken(at, _refused(line, id_, header))
            if at.seq != header.after:
                raise SinkGapError(*at)
            return _store(line, id_, parcel, at_ms)

    def cursor(self, stream: Stream) -> Cursor:
        """How far a stream is."""
        with self._pool.line() as line:
            found = line.run(sql.FIND, *stream)
            return Cursor(*found[0][1:]) if found else Cursor()

    def standings(self, now_ms: int) -> list[Standing]:
        """Every stream, by gateway."""
        with self._pool.line() as line:
            return [Standing(*one) for one in line.run(sql.STANDINGS, now_ms // MINUTE_MS - 1)]

    def alarms(self) -> list[Alarm]:
        """Every alarm, oldest first."""
        with self._pool.line() as line:
            return [Alarm(*one) for one in line.run(sql.ALARMS)]

    def close(self) -> None:
        """Let the connections go that nobody uses."""
        self._pool.close()


def _locked(line: Line, stream: Stream) -> tuple[int, Cursor]:
    """The row of a stream, which is made if it is missing, and ours until the commit."""
    query = f"{sql.FIND} FOR UPDATE"
    found = line.run(query, *stream)
    if not found:
        line.run(sql.BEGIN, *stream)
        found = line.run(query, *stream)
    id_, seq, position = found[0]
    return id_, Cursor(seq, position)


def _refused(line: Line, id_: int, header: Header) -> tuple[Refused, ...]:
    return tuple(Refused(*one) for one in line.run(sql.REFUSED, id_, header.first, header.last))


def _store(line: Line, id_: int, parcel: Parcel, at_ms: int) -> Taken:
    header = parcel.header
    texts = {one.row["seq"]: one.line for one in parcel.good}
    aside = [(one.seq, one.reason, one.line) for one in parcel.aside]
    for table, rows in tables.by_table(_fitting(parcel.good)).items():
        late = _copied(line, table, (id_, header.stream.gateway), rows)
        aside += [(one.seq, one.reason, texts[one.seq]) for one in late]
    if aside:
        line.run(sql.ASIDE, id_, *map(list, zip(*_clean(aside), strict=True)))
    stored = len(parcel.good) + len(parcel.aside) - len(aside)
    newest = max((one.row["at_ms"] for one in parcel.good), default=0)
    minute = at_ms // MINUTE_MS
    line.run(sql.PACE, id_, minute, stored, len(aside), parcel.size, newest)
    line.run("DELETE FROM pace WHERE stream = %s AND minute < %s", id_, minute - sql.DAY_MINUTES)
    line.run(sql.MOVE, *header.cursor, id_)
    checkpoints = [one.row for one in parcel.good if one.row["kind"] == "checkpoint"]
    alarms = [_anchor(line, header.stream.gateway, row, at_ms) for row in checkpoints]
    refused = tuple(Refused(seq, reason) for seq, reason, _ in sorted(aside))
    return Taken(header.cursor, refused, stored, tuple(filter(None, alarms)))


def _fitting(good: Sequence[Good]) -> Iterator[Row]:
    """Rows as the tables have them: a reading that is no number goes to ``event``, whole."""
    for row, _ in good:
        value = row.get("value")
        if row["kind"] != "reading" or type(value) in (int, float):
            yield row
        elif isinstance(value, str):
            yield {"kind": "reading_text", **{k: row[k] for k in row if k != "kind"}}
        else:
            yield {**row, "value": None if value is None else float(value)}


def _copied(line: Line, table: Table, head: tuple[int, str], rows: Sequence[Row]) -> list[Refused]:
    """Copy rows; those that the server refuses are found by halving."""
    line.run("SAVEPOINT rows")
    try:
        line.copy(
            f"COPY {table.name} ({', '.join(tables.names(table))}) FROM STDIN",
            tables.lines(table, *head, rows),
        )
    except RowError as error:
        line.run("ROLLBACK TO SAVEPOINT rows")
        if len(rows) == 1:
            return [Refused(rows[0]["seq"], f"PostgreSQL: {error}"[:500])]
        half = len(rows) // 2
        return [
            *_copied(line, table, head, rows[:half]),
            *_copied(line, table, head, rows[half:]),
        ]
    line.run("RELEASE SAVEPOINT rows")
    return []


def _clean(aside: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """PostgreSQL's text has no zero byte."""
    for seq, reason, line in aside:
        yield seq, reason.replace("\0", " "), line.replace("\0", " ")


def _anchor(line: Line, gateway: str, row: Row, at_ms: int) -> str:
    """Keep an audit head; the alarm, if it contradicts those before."""
    head = head_of(row)
    told, chain = head.anchor, (gateway, head.chain)

    def find(rest: str, *values: object) -> Anchor | None:
        found = line.run(f"{sql.ANCHORED}{rest}", *chain, *values)
        return Anchor(*found[0]) if found else None

    same = find(" AND seq = %s ORDER BY id LIMIT 1", told.seq)
    newest = find(" ORDER BY seq DESC, id LIMIT 1")
    alarm = head.alarm or contradiction(told, newest, same)
    line.run(
        "INSERT INTO head (gateway, chain, seq, hash, public_key, at_ms, document, alarm)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        *(*chain, *told, at_ms, head.document, alarm),
    )
    return alarm
