"""What a batch holds beside reports, into its tables; call within a transaction."""

import sqlite3

from gateway.store import queries, records
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
    """Verdicts, decisions, commands, rejects and outgoing messages; the ids of the latter."""
    many = connection.executemany
    many(records.VERDICT, [records.verdict_row(one, stamp) for one in batch.verdicts])
    many(records.DECISION, [records.decision_row(one, stamp) for one in batch.decisions])
    many(records.EXPLANATION, [(plain(text), one) for one, text in batch.explanations.items()])
    many(records.COMMAND, [records.command_row(one, stamp) for one in batch.commands])
    many(records.REJECT, [records.reject_row(one, stamp) for one in batch.rejects])
    rows = map(records.outbox_row, batch.outbox)
    return tuple(int(connection.execute(records.OUTBOX, row).lastrowid or 0) for row in rows)


def upsert(connection: sqlite3.Connection, batch: Batch) -> None:
    """Counters, kept texts and cursors; what was published leaves the outbox."""
    published = [(one,) for one in batch.published]
    connection.executemany("DELETE FROM outbox WHERE id = ?", published)
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
