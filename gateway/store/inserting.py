"""What a batch holds beside reports, into its tables; call within a transaction."""

import sqlite3
from functools import partial
from typing import Final

from gateway.core import audit_bodies
from gateway.core.audit import When
from gateway.store import bulk, chain, queries, records, sync_rows
from gateway.store.batch import Batch
from gateway.store.packing import plain

TABLES: Final = """
CREATE TEMP TABLE kept_before AS SELECT room, key, text FROM kept;
DROP TABLE kept;
-- with row ids: without them a text beyond 231 bytes lies on pages of its own, freed and taken anew
-- with each change
CREATE TABLE kept (
    room TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (room, key));
INSERT INTO kept SELECT room, key, text FROM kept_before ORDER BY room, key;
DROP TABLE kept_before;

CREATE TEMP TABLE outbox_before AS SELECT * FROM outbox;
DROP TABLE outbox;
-- no AUTOINCREMENT, which writes another page with each row: the store counts on while it is open
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, retain INTEGER NOT NULL,
    qos INTEGER NOT NULL, expires_at_ms INTEGER);
INSERT INTO outbox SELECT * FROM outbox_before ORDER BY id;
DROP TABLE outbox_before;
"""
"""Made anew."""


def newest_mono_ms(batch: Batch) -> int:
    """The latest monotonic time in a batch; 0 when it has none."""
    reports = (one.report.received_mono_ms for one in batch.reports[-1:])
    verdicts = (one.mono_ms for one in batch.verdicts[-1:])
    return max((*reports, *verdicts), default=0)


def insert_records(
    connection: sqlite3.Connection, batch: Batch, stamp: records.Stamp, outbox: range
) -> None:
    """Everything but reports, counters and what is kept.

    ``outbox``: the ids of the outgoing messages.
    """
    insert = partial(bulk.insert, connection)
    insert(records.VERDICT, [records.verdict_row(one, stamp) for one in batch.verdicts])
    _audited(connection, batch, stamp)
    told = [(plain(text), one) for one, text in batch.explanations.items()]
    connection.executemany(records.EXPLANATION, told)
    insert(records.REJECT, [records.reject_row(one, stamp) for one in batch.rejects])
    sync_rows.insert(connection, batch.sync_rows, stamp)
    insert(records.OUTBOX, list(map(records.outbox_row, outbox, batch.outbox)))


def _audited(connection: sqlite3.Connection, batch: Batch, stamp: records.Stamp) -> None:
    """Decisions, commands and other records, chained in this order; checkpoints."""
    told = [
        *batch.records,
        *map(audit_bodies.of_decision, batch.decisions),
        *map(audit_bodies.of_command, batch.commands),
    ]
    if told:
        when = When(batch.at_ms, stamp.boot, stamp.mono_ms, stamp.clock)
        numbers = [entry.seq for entry in chain.append(connection, told, when)]
        middle = len(numbers) - len(batch.commands)
        first = middle - len(batch.decisions)
        decided = zip(batch.decisions, numbers[first:middle], strict=True)
        ordered = zip(batch.commands, numbers[middle:], strict=True)
        rows = [records.decision_row(one, stamp, seq) for one, seq in decided]
        connection.executemany(records.DECISION, rows)
        rows = [records.command_row(one, stamp, seq) for one, seq in ordered]
        connection.executemany(records.COMMAND, rows)
    chain.insert_checkpoints(connection, batch.checkpoints, batch.at_ms)


def upsert(connection: sqlite3.Connection, batch: Batch) -> None:
    """Counters, kept texts and cursors; what was published leaves the outbox."""
    published = [(one,) for one in batch.published]
    connection.executemany("DELETE FROM outbox WHERE id = ?", published)
    sync_rows.trim(connection, batch.synced)
    queries.count(connection, batch.counts)
    kept = [(plain(room), plain(key), text) for (room, key), text in batch.kept.items()]
    forgotten = [(room, key) for room, key, text in kept if text is None]
    connection.executemany("DELETE FROM kept WHERE room = ? AND key = ?", forgotten)
    connection.executemany(
        "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
        [(room, key, plain(text)) for room, key, text in kept if text is not None],
    )
    connection.executemany(
        "INSERT INTO cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET report = excluded.report",
        list(batch.cursors.items()),
    )
