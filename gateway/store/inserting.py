"""What a batch holds beside reports, into its tables; call within a transaction."""

import sqlite3
from functools import partial

from gateway.core import audit_bodies
from gateway.core.audit import When
from gateway.store import bulk, chain, queries, records, sync_rows
from gateway.store.batch import Batch
from gateway.store.packing import plain


def newest_mono_ms(batch: Batch) -> int:
    """The latest monotonic time in a batch; 0 when it has none."""
    reports = (one.report.received_mono_ms for one in batch.reports[-1:])
    verdicts = (one.mono_ms for one in batch.verdicts[-1:])
    return max((*reports, *verdicts), default=0)


def insert_records(
    connection: sqlite3.Connection, batch: Batch, stamp: records.Stamp
) -> tuple[int, ...]:
    """Everything but reports, counters and what is kept; the ids of the outgoing messages."""
    insert = partial(bulk.insert, connection)
    insert(records.VERDICT, [records.verdict_row(one, stamp) for one in batch.verdicts])
    _audited(connection, batch, stamp)
    told = [(plain(text), one) for one, text in batch.explanations.items()]
    connection.executemany(records.EXPLANATION, told)
    insert(records.REJECT, [records.reject_row(one, stamp) for one in batch.rejects])
    sync_rows.insert(connection, batch.sync_rows, stamp)
    last = insert(records.OUTBOX, list(map(records.outbox_row, batch.outbox)))
    return tuple(range(last - len(batch.outbox) + 1, last + 1))


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
