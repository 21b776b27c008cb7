"""Metrics that are kept for less long than the store's readings.

A report that holds others too is written again without them, under the layout of those that stay;
nothing of them goes on as hourly values. One step looks at a bounded number of rows, and goes on
where it was: reports age in the order in which they came.
"""

import json
import sqlite3
from collections.abc import Mapping
from itertools import takewhile
from typing import Final, NamedTuple

from gateway.store import blocks
from gateway.store.packing import COLUMNS, INSERT, Row, intern_layout, row_values
from gateway.store.readback import Unpacker

ROWS: Final = 2_000
_FIRST: Final = -(1 << 62)
"""Salvaged reports have row ids below zero, the oldest the lowest."""


class Gone(NamedTuple):
    """What one step did."""

    readings: int
    more: bool
    """There is more to look at."""


class MetricKeep:
    """What is too old, metric by metric."""

    def __init__(self, connection: sqlite3.Connection, unpacker: Unpacker) -> None:
        """Nothing is kept for a time of its own yet."""
        self._connection = connection
        self._unpacker = unpacker
        self.keep_ms: Mapping[str, int] = {}
        """Metric's key -> how long, of running time."""
        self._done: dict[int, int] = {}
        """How long -> the last report that was looked at."""

    def step(self, running_ms: int) -> Gone:
        """One step, in the caller's transaction."""
        gone, more = 0, False
        for keep in sorted(set(self.keep_ms.values())):
            series = self._series(keep)
            if series:
                readings, looked = self._reports(keep, series, running_ms - keep)
                hours = self._hours(series, running_ms - keep)
                gone, more = gone + readings + hours, more or ROWS in (looked, hours)
        return Gone(gone, more)

    def _series(self, keep: int) -> frozenset[int]:
        found = self._connection.execute("SELECT id, key FROM series").fetchall()
        return frozenset(id_ for id_, key in found if self.keep_ms.get(key) == keep)

    def _reports(self, keep: int, series: frozenset[int], older_ms: int) -> tuple[int, int]:
        starts = dict(self._connection.execute("SELECT id, base_ms - first_mono_ms FROM boot"))
        query = f"SELECT {COLUMNS} FROM report WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        rows = map(Row._make, self._connection.execute(query, (self._done.get(keep, _FIRST), ROWS)))
        old = list(takewhile(lambda row: starts.get(row.boot, 0) + row.mono_ms < older_ms, rows))
        if not old:
            return 0, 0
        self._done[keep] = old[-1].id
        return sum(self._thinned(row, series) for row in old if row.intact), len(old)

    def _thinned(self, row: Row, series: frozenset[int]) -> int:
        """Write a report again without these series; how many readings it had of them."""
        layout = [one.id for one in self._unpacker.layout(row.layout)]
        stays = [at for at, one in enumerate(layout) if one not in series]
        if len(stays) == len(layout):
            return 0
        values, reasons = row.values(), row.reasons(len(layout))
        fewer = row._replace(
            layout=intern_layout(self._connection, [layout[at] for at in stays]),
            value_list=_json([values[at] for at in stays]),
            marks=_json([reasons[at] for at in stays]) if row.marks and stays else None,
        )
        self._blocks(row.id, stays, len(layout))
        self._connection.execute("DELETE FROM report WHERE id = ?", (row.id,))
        if stays or row.id > self._newest():  # row ids must never start again
            self._connection.execute(INSERT, row_values(fewer))
        return len(layout) - len(stays)

    def _blocks(self, report: int, stays: list[int], n: int) -> None:
        """The samples of what goes, go; those that stay move to their new places.

        The checksum of a block covers its place: it is read and written as a whole.
        """
        gone = [(report, at) for at in range(n) if at not in stays]
        move = [(new, report, at) for new, at in enumerate(stays) if new != at]
        run = self._connection.executemany
        run("DELETE FROM signal_block WHERE report = ? AND position = ?", gone)
        for new, report_id, at in move:
            blocks.move(self._connection, report_id, at, new)

    def _newest(self) -> int:
        query = "SELECT coalesce(max(id), 0) FROM report"
        (newest,) = self._connection.execute(query).fetchone()
        return int(newest)

    def _hours(self, series: frozenset[int], older_ms: int) -> int:
        marks = ",".join(map(str, sorted(series)))
        query = (
            f"DELETE FROM reading_hour WHERE id IN (SELECT h.id FROM reading_hour h"  # noqa: S608
            f" JOIN boot b ON b.id = h.boot WHERE h.series IN ({marks})"
            " AND b.base_ms - b.first_mono_ms + h.mono_ms < ? LIMIT ?)"
        )
        return self._connection.execute(query, (older_ms, ROWS)).rowcount


def _json(values: list[object]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()
