"""What the writer asks and upserts in plain SQL, one function each."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.core.commands import TERMINAL, Command, State
from gateway.core.verdicts import decided_by
from gateway.store.batch import OutboxRow
from gateway.store.packing import plain
from gateway.store.records import COMMAND_COLUMNS, command_of

KEY_ROWS: Final = 10
"""``recent_keys`` looks at this many rows per wanted key: most bridges have no keys at all."""

_OPEN: Final = ", ".join(f"'{state.value}'" for state in State if state not in TERMINAL)


def last_report(connection: sqlite3.Connection) -> int:
    """The highest row id that reports had, so that a cursor never points past new ones."""
    query = (
        "SELECT max(coalesce((SELECT max(id) FROM report), 0), "
        "coalesce((SELECT max(report) FROM cursor), 0))"
    )
    return int(connection.execute(query).fetchone()[0])


def count(connection: sqlite3.Connection, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to the durable counters; call within a transaction."""
    connection.executemany(
        "INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        [(plain(scope), plain(reason), n) for (scope, reason), n in counts.items() if n],
    )


def counters(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """The durable counters."""
    rows = connection.execute("SELECT scope, reason, n FROM counter")
    return {(scope, reason): n for scope, reason, n in rows}


def recent_keys(connection: sqlite3.Connection, limit: int) -> list[int]:
    """Dedup keys, newest first."""
    query = (
        "SELECT key FROM (SELECT id, key FROM report ORDER BY id DESC LIMIT ?) "
        "WHERE key IS NOT NULL ORDER BY id DESC LIMIT ?"
    )
    return [key for (key,) in connection.execute(query, (limit * KEY_ROWS, limit))]


def open_commands(connection: sqlite3.Connection) -> list[Command]:
    """Commands that have not ended, oldest first, with who decided them."""
    query = (
        f"SELECT {COMMAND_COLUMNS}, d.policy, json_extract(d.verdict, '$.rung') FROM command c "  # noqa: S608
        "LEFT JOIN boot b ON b.id = c.boot LEFT JOIN decision d ON d.id = c.decision_id "
        f"WHERE c.state IN ({_OPEN}) ORDER BY c.rowid"  # the words are our own enumeration
    )
    return [
        replace(command_of(row), by=decided_by(policy, rung) if policy else "")
        for *row, policy, rung in connection.execute(query)
    ]


def outbox(connection: sqlite3.Connection, limit: int) -> list[OutboxRow]:
    """The oldest messages not yet published."""
    query = "SELECT id, topic, payload, retain, qos, expires_at_ms FROM outbox ORDER BY id LIMIT ?"
    rows = connection.execute(query, (limit,))
    return [
        OutboxRow(topic, payload, bool(retain), qos, expires, id_)
        for id_, topic, payload, retain, qos, expires in rows
    ]


def last_outbox(connection: sqlite3.Connection) -> int:
    """The highest id of a message of the outbox; 0 when it is empty."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0])


def newest_outbox(connection: sqlite3.Connection, n: int) -> tuple[int, ...]:
    """Ids of the newest messages of the outbox, oldest first."""
    rows = connection.execute("SELECT id FROM outbox ORDER BY id DESC LIMIT ?", (n,))
    return tuple(id_ for (id_,) in rows)[::-1]


def span(connection: sqlite3.Connection, table: str) -> int:
    """About how many rows a table has, from its ends: counting millions would take seconds."""
    query = f"SELECT min(rowid), max(rowid) FROM {table}"  # noqa: S608 - our own names
    low, high = connection.execute(query).fetchone()
    return 0 if low is None else int(high - low + (0 if low < 0 < high else 1))
