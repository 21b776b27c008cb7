"""Reading reports back: packed rows to readings, damaged rows skipped and counted."""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from gateway.store.batch import StoredReading, StoredSignal
from gateway.store.blocks import block_rows
from gateway.store.packing import COLUMNS, Row

LATEST_ROWS: Final = 50_000
"""How far back ``latest`` looks for series that are silent."""

LATEST_BLOCKS: Final = 500
"""The same of signals."""


class Series(NamedTuple):
    """One row of ``series``."""

    id: int
    key: str
    asset: str
    source: str
    device: str
    metric: str
    unit: str


class Unpacker:
    """Turns rows of ``report`` into readings; knows layouts, series and boots, read once each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._layouts: dict[int, tuple[Series, ...]] = {}
        self._boots: dict[int, str] = {}
        self.bad_rows = 0
        """Rows skipped because their checksum or their layout was wrong."""

    def forget(self) -> None:
        """Read layouts and series anew."""
        self._layouts.clear()

    def rows(self, where: str, parameters: tuple[object, ...] = ()) -> Iterator[Row]:
        """Intact rows; ``where`` is the rest of the statement after FROM report."""
        query = f"SELECT {COLUMNS} FROM report {where}"  # noqa: S608 - our own words only
        for row in map(Row._make, self._connection.execute(query, parameters)):
            if row.intact and len(self.layout(row.layout)) == len(row.values()):
                yield row
            else:
                self.bad_rows += 1

    def readings(self, row: Row, wanted: Callable[[Series], bool]) -> Iterator[StoredReading]:
        """The readings of one row, of wanted series."""
        layout = self.layout(row.layout)
        if not any(map(wanted, layout)):
            return
        values = row.values()
        reasons = row.reasons(len(values))
        boot = self.boot(row.boot)
        for series, value, reason in zip(layout, values, reasons, strict=True):
            if wanted(series):
                yield StoredReading(series.key, row.at_ms, row.mono_ms, boot, value, reason)

    def signals(self, row: Row, wanted: Callable[[Series], bool]) -> Iterator[StoredSignal]:
        """The blocks of samples that one row brought, of wanted series."""
        series = {at: one for at, one in enumerate(self.layout(row.layout)) if wanted(one)}
        if not series:
            return
        readings = list(self.readings(row, lambda _: True))
        where = "WHERE report = ? ORDER BY position"
        for block in block_rows(self._connection, where, (row.id,)):
            signal, own = block.signal(), series.get(block.position)
            if signal is None:
                self.bad_rows += 1
            elif own is not None:
                yield StoredSignal(readings[block.position], own.metric, own.unit, signal)

    def newest_signals(self) -> list[StoredSignal]:
        """The newest good block of each signal, among the newest ``LATEST_BLOCKS``."""
        found: dict[str, StoredSignal] = {}
        newest = "SELECT DISTINCT report FROM signal_block ORDER BY report DESC LIMIT ?"
        for row in self.rows(f"WHERE id IN ({newest}) ORDER BY id DESC", (LATEST_BLOCKS,)):
            for one in self.signals(row, lambda series: series.key not in found):
                if one.reading.reason == "ok":
                    found.setdefault(one.reading.key, one)
        return list(found.values())

    def layout(self, layout: int) -> tuple[Series, ...]:
        """The series of a layout, in order; empty when there is no such layout."""
        found = self._layouts.get(layout)
        if found is None:
            query = (
                "SELECT s.id, s.key, s.asset, s.source, s.device, s.metric, s.unit "
                "FROM layout_item i JOIN series s ON s.id = i.series "
                "WHERE i.layout = ? ORDER BY i.position"
            )
            found = tuple(map(Series._make, self._connection.execute(query, (layout,))))
            self._layouts[layout] = found
        return found

    def boot(self, boot: int) -> str:
        """The name of a boot; empty when it is not known."""
        found = self._boots.get(boot)
        if found is None:
            row = self._connection.execute("SELECT name FROM boot WHERE id = ?", (boot,)).fetchone()
            found = self._boots[boot] = "" if row is None else str(row[0])
        return found

    def tail(self, since_ms: int, assets: Collection[str] | None) -> Iterator[StoredReading]:
        """Readings since a time, of some assets or all, oldest first."""

        def wanted(series: Series) -> bool:
            return assets is None or series.asset in assets

        for row in self.rows("WHERE at_ms >= ? ORDER BY at_ms, id", (since_ms,)):
            yield from self.readings(row, wanted)

    def latest(self) -> list[StoredReading]:
        """The newest reading of each series, among the newest ``LATEST_ROWS`` reports."""
        (series,) = self._connection.execute("SELECT count(*) FROM series").fetchone()
        found: dict[str, StoredReading] = {}
        for row in self.rows("ORDER BY id DESC LIMIT ?", (LATEST_ROWS,)):
            for reading in self.readings(row, lambda one: one.key not in found):
                found[reading.key] = reading
            if len(found) >= series:
                break
        return list(found.values())
