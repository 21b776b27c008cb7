"""Old ids to new ones: the layouts, series and boots of a damaged database."""

import sqlite3

from gateway.store.boots import Boot
from gateway.store.packing import Row, intern_layout, intern_series
from gateway.store.readback import Unpacker


class Remapping:
    """What the ids of one damaged database are in the new one."""

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, boot: Boot) -> None:
        self._old = old
        self._new = new
        self._boot = boot
        self._unpacker = Unpacker(old)
        self._layouts: dict[int, int] = {}
        self._boots: dict[int, int] = {}

    def layout(self, row: Row) -> int | None:
        """The new id of the layout of an old row; None when it cannot be read or does not fit."""
        known = self._layouts.get(row.layout)
        if known is not None:
            return known
        try:
            series = self._unpacker.layout(row.layout)
        except sqlite3.Error:
            return None
        if len(series) != len(row.values()):
            return None
        ids = [intern_series(self._new, one[1:]) for one in series]
        self._layouts[row.layout] = known = intern_layout(self._new, ids)
        return known

    def series(self, series: object) -> int | None:
        """The new id of an old series; None when it cannot be read."""
        query = "SELECT key, asset, source, device, metric, unit FROM series WHERE id = ?"
        try:
            row = self._old.execute(query, (series,)).fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else intern_series(self._new, row)

    def boot(self, boot: object) -> int:
        """The new id of an old boot; the present one's where it cannot be read."""
        if not isinstance(boot, int):
            return self._boot.id
        if boot not in self._boots:
            self._boots[boot] = self._copy_boot(boot)
        return self._boots[boot]

    def _copy_boot(self, boot: int) -> int:
        """Copy a boot; the old database's running time ends where the new one's begins."""
        columns = "name, started_at_ms, first_mono_ms, last_mono_ms, base_ms, offset_ms"
        try:
            query = f"SELECT {columns}, repair_mono_ms FROM boot WHERE id = ?"  # noqa: S608
            row = self._old.execute(query, (boot,)).fetchone()
            ended = "SELECT max(base_ms + last_mono_ms - first_mono_ms) FROM boot"
            (end,) = self._old.execute(ended).fetchone()
        except sqlite3.Error:
            return self._boot.id
        if row is None:
            return self._boot.id
        moved = (*row[:4], row[4] - end + self._boot.base_ms, *row[5:])
        self._new.execute(
            f"INSERT INTO boot ({columns}, repair_mono_ms, first_report) "  # noqa: S608
            "VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
            moved,
        )
        (new,) = self._new.execute("SELECT id FROM boot WHERE name = ?", row[:1]).fetchone()
        return int(new)
