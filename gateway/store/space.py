"""How much room the database takes, and how it is given back."""

import sqlite3
from pathlib import Path
from typing import Final

from gateway.store.files import free_bytes
from gateway.store.settings import StoreSettings

HIGH_SHARE: Final = 0.9
"""Of the quota: above it rows are dropped, well before SQLite refuses to grow the file."""
FLOOR_SHARE: Final = 8
"""A disk filled by others takes at most all but an eighth of the quota from us ..."""
SPARE_PAGES: Final = 512
"""... below that only so many free pages are kept inside the file, for what comes in."""
IDLE_SHARE: Final = 4
"""Free pages beyond a quarter of the file go back to the file system without pressure, too."""
VACUUM_PAGES: Final = 4_096
"""Given back at once, so that one call stays short."""


def pages(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """(page size, pages of the file, free ones among them)."""
    names = ("page_size", "page_count", "freelist_count")
    size, count, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int(size), int(count), int(free)


def pressure(connection: sqlite3.Connection, settings: StoreSettings) -> str:
    """Why rows must go now: ``quota``, ``disk``, or empty when none need to."""
    size, count, free = pages(connection)
    used = (count - free) * size
    if used > settings.max_bytes * HIGH_SHARE:
        return "quota"
    if free_bytes(settings.path) >= settings.min_free_bytes:
        return ""
    if used > settings.max_bytes // FLOOR_SHARE or free < SPARE_PAGES:
        return "disk"
    return ""


def give_back(connection: sqlite3.Connection, path: Path, reason: str) -> int:
    """Return free pages to the file system; how many bytes the file shrank.

    ``execute`` steps the pragma once, which frees one page; only ``executescript`` runs it out.
    """
    _, count, free = pages(connection)
    surplus = free - SPARE_PAGES if reason == "disk" else free - count // IDLE_SHARE
    if surplus <= SPARE_PAGES:
        return 0
    before = path.stat().st_size
    connection.executescript(f"PRAGMA incremental_vacuum({min(surplus, VACUUM_PAGES)});")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return max(before - path.stat().st_size, 0)
