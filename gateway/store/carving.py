"""Carving: reports read from the pages of a damaged file, without the tree that leads to them.

A row lies in a leaf of its table's b-tree. When an inner page is lost, its leaves are whole and
nothing points to them; so every page of the file is looked at, and a record that has the columns of
a report and the checksum of one is one. The formats are those of sqlite.org/fileformat2.html,
sections 1.3 (header), 1.6 (b-tree pages) and 2.1 (records).
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gateway.store import spans
from gateway.store.packing import Row

_LEAF: Final = 13
_FILE_HEADER: Final = 100
_COLUMNS: Final = len(Row._fields)
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Serial type -> bytes."""
_ORIGIN: Final = Row._fields.index("origin")
MOST_BYTES: Final = 1 << 20
"""Of one record: a damaged length must not fill the memory."""

Value = int | float | bytes | None


TABLE: Final = "(carved)"
"""Stands among the tables to be salvaged for the reports that no tree leads to."""
START: Final[dict[str, Any]] = {"read": [], "low": None, "high": None, "page": 0}
"""What a salvage remembers of it: row ids the tree gave, its first and last (None: not to be told),
and the pages looked at."""


def read(state: dict[str, Any], ids: Iterable[int]) -> None:
    """The tree gave these rows: where its pages are cut off, SQLite misses some without a word."""
    for one in ids:
        spans.add(state["read"], one, one)


def step(state: dict[str, Any], count: int) -> Iterator[Row]:
    """Reports of the next pages that the tree did not give; at the end the table is done.

    Rows below the first of the tree were deleted, where that can be told; what was erased from its
    middle was overwritten. A tree that gave its rows without a gap needs no carving.
    """
    try:
        carver = Carver(Path(state["path"]))
    except OSError:
        state["tables"].pop(0)
        return
    with closing(carver):
        end = 0 if state["read"] == [[state["low"], state["high"]]] else carver.pages
        for number in range(state["page"] + 1, min(state["page"] + count, end) + 1):
            for row in carver.reports(number):
                above = state["low"] is None or row.id >= state["low"]
                if above and spans.add(state["read"], row.id, row.id):
                    yield row
        state["page"] += count
        if state["page"] >= end:
            state["tables"].pop(0)


class Carver:
    """The pages of one damaged file."""

    def __init__(self, path: Path) -> None:
        """Open it; ``pages`` is 0 where not even the size of a page can be told.

        Raises:
            OSError: it cannot be opened.
        """
        self._file = path.open("rb")
        header = self._file.read(_FILE_HEADER)
        size, reserved = (struct.unpack(">H", header[16:18])[0], header[20]) if header else (0, 0)
        self._size = 65_536 if size == 1 else size
        sound = self._size >= 512 and self._size & (self._size - 1) == 0  # noqa: PLR2004
        self._usable = self._size - reserved
        self.pages = -(-path.stat().st_size // self._size) if sound else 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def reports(self, number: int) -> Iterator[Row]:
        """The reports in one page, counted from 1; none where it is no leaf of theirs."""
        page = self._page(number)
        start = _FILE_HEADER if number == 1 else 0
        if len(page) < start + 8 or page[start] != _LEAF:
            return
        (cells,) = struct.unpack_from(">H", page, start + 3)
        for place in range(start + 8, min(start + 8 + 2 * cells, len(page) - 1), 2):
            row = self._row(page, struct.unpack_from(">H", page, place)[0])
            if row is not None and row.intact:
                yield row

    def _page(self, number: int) -> bytes:
        self._file.seek((number - 1) * self._size)
        return self._file.read(self._size)

    def _row(self, page: bytes, at: int) -> Row | None:
        try:
            size, at = _varint(page, at)
            row_id, at = _varint(page, at)
            if size > MOST_BYTES:
                return None
            values = _record(self._payload(page, at, size))
        except (IndexError, struct.error):
            return None
        if len(values) != _COLUMNS:
            return None
        origin = values[_ORIGIN]
        values[0] = row_id if row_id < 1 << 63 else row_id - (1 << 64)
        text = origin.decode("utf-8", "replace") if isinstance(origin, bytes) else origin
        return Row._make([*values[:_ORIGIN], text, *values[_ORIGIN + 1 :]])

    def _payload(self, page: bytes, at: int, size: int) -> bytes:
        """A record, gathered from the pages it runs over to (1.6, "cell payload")."""
        most = self._usable - 35
        if size <= most:
            return page[at : at + size]
        least = (self._usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (self._usable - 4)
        local = local if local <= most else least
        found = page[at : at + local]
        (number,) = struct.unpack_from(">I", page, at + local)
        while number and len(found) < size:
            more = self._page(number)
            (number,) = struct.unpack_from(">I", more)
            found += more[4 : self._usable]
        return found[:size]


def _record(payload: bytes) -> list[Value]:
    """The columns of a record (2.1).

    Raises:
        IndexError, struct.error: it is none.
    """
    end, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, kind, at)
        values.append(value)
    return values


def _value(payload: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind in _INTEGERS:
        size = _INTEGERS[kind]
        return int.from_bytes(payload[at : at + size], "big", signed=True), at + size
    if kind == 7:  # noqa: PLR2004 - the serial type of a float
        return struct.unpack_from(">d", payload, at)[0], at + 8
    if kind < 12:  # noqa: PLR2004 - 0 is NULL, 8 and 9 are the numbers 0 and 1
        return (None if kind == 0 else kind - 8), at
    size = (kind - 12) // 2
    return payload[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, the high ones first, and where it ends (1.6)."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004
            return value, place + 1
    return value << 8 | data[at + 8], at + 9
