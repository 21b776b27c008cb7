"""Thinning: what remains of old reports is one row per series and hour (n, low, mean, high)."""

import sqlite3
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from gateway.core.messages import Quality, Reason
from gateway.store.packing import COLUMNS, Row
from gateway.store.readback import Unpacker

HOUR_MS: Final = 3_600_000
_BAD: Final = frozenset(reason.value for reason in Reason if reason.quality is Quality.BAD)

_MERGE: Final = """
INSERT INTO reading_hour (series, hour_at_ms, n, low, mean, high, boot, mono_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (series, hour_at_ms) DO UPDATE SET
    mean = (mean * n + excluded.mean * excluded.n) / (n + excluded.n), n = n + excluded.n,
    low = min(low, excluded.low), high = max(high, excluded.high),
    boot = excluded.boot, mono_ms = excluded.mono_ms"""


class Thinned(NamedTuple):
    """What one step of thinning did."""

    reports: int
    """Reports that are gone."""
    damaged: int
    """Of these, how many could not be read any more."""
    readings: int
    """Readings that live on in hourly values."""


class _Hour:
    """What is known of one series in one hour, so far."""

    __slots__ = ("high", "low", "n", "total", "when")

    def __init__(self, value: float, when: tuple[int, int]) -> None:
        self.n = 1
        self.total = self.low = self.high = value
        self.when = when

    def add(self, value: float, when: tuple[int, int]) -> None:
        self.n += 1
        self.total += value
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.when = when


def oldest(connection: sqlite3.Connection, older_ms: int, limit: int) -> list[Row]:
    """Reports from the front, in order of arrival, while their running time is below a bound."""
    query = "SELECT id, base_ms - first_mono_ms FROM boot"
    starts = dict(connection.execute(query).fetchall())
    newest = "(SELECT max(id) FROM report)"  # stays: row ids must never start again
    query = f"SELECT {COLUMNS} FROM report WHERE id < {newest} ORDER BY id LIMIT ?"  # noqa: S608
    rows = map(Row._make, connection.execute(query, (limit,)))
    return list(takewhile(lambda row: starts.get(row.boot, 0) + row.mono_ms < older_ms, rows))


def thin(connection: sqlite3.Connection, unpacker: Unpacker, rows: Sequence[Row]) -> Thinned:
    """Replace reports by hourly values; call within a transaction.

    Rows go first: in a file that may not grow, their pages take the new ones.
    """
    if not rows:
        return Thinned(0, 0, 0)
    hours: dict[tuple[int, int], _Hour] = {}
    intact = [row for row in rows if row.intact]
    readings = sum(_gather(row, unpacker, hours) for row in intact)
    delete = "DELETE FROM report WHERE id BETWEEN ? AND ?"
    connection.execute(delete, (rows[0].id, rows[-1].id))
    blocks = "DELETE FROM signal_block WHERE report BETWEEN ? AND ?"
    connection.execute(blocks, (rows[0].id, rows[-1].id))
    connection.executemany(
        _MERGE,
        [
            (*key, one.n, one.low, one.total / one.n, one.high, *one.when)
            for key, one in hours.items()
        ],
    )
    return Thinned(len(rows), len(rows) - len(intact), readings)


def _gather(row: Row, unpacker: Unpacker, hours: dict[tuple[int, int], _Hour]) -> int:
    layout, values = unpacker.layout(row.layout), row.values()
    hour = row.at_ms // HOUR_MS * HOUR_MS
    when = (row.boot, row.mono_ms)
    taken = 0
    for series, value, reason in zip(layout, values, row.reasons(len(values)), strict=False):
        if isinstance(value, str) or reason in _BAD:
            continue
        key = (series.id, hour)
        known = hours.get(key)
        if known is None:
            hours[key] = _Hour(float(value), when)
        else:
            known.add(float(value), when)
        taken += 1
    return taken
