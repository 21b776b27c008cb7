"""Boots and running time: how long the gateway has run, over all boots.

Age is measured in running time, never by the wall clock: a clock that jumps ten years makes nothing
old. Time while the machine was off does not count, so nothing is deleted early.
"""

import sqlite3
from typing import NamedTuple

from gateway.store.queries import last_report


class Boot(NamedTuple):
    """The present boot, as the database knows it."""

    id: int
    name: str
    first_mono_ms: int
    base_ms: int
    """Running time at ``first_mono_ms``."""

    def running_ms(self, mono_ms: int) -> int:
        """Running time at a monotonic time of this boot."""
        return self.base_ms + mono_ms - self.first_mono_ms


def register(connection: sqlite3.Connection, name: str, now_ms: int, mono_ms: int) -> Boot:
    """Find or make the row of this boot; call within a transaction."""
    query = "SELECT id, name, first_mono_ms, base_ms FROM boot WHERE name = ?"
    found = connection.execute(query, (name,)).fetchone()
    if found is None:
        next_report = last_report(connection) + 1
        row = (name, now_ms, mono_ms, mono_ms, running_until(connection), next_report)
        insert = (
            "INSERT INTO boot (name, started_at_ms, first_mono_ms, last_mono_ms, base_ms, "
            "first_report) VALUES (?, ?, ?, ?, ?, ?)"
        )
        connection.execute(insert, row)
        found = connection.execute(query, (name,)).fetchone()
    return Boot(*found)


def running_until(connection: sqlite3.Connection) -> int:
    """Running time at the end of the newest boot, in ms.

    The newest report may be later than what ``seen`` last wrote, if the power was cut.
    """
    noted = connection.execute(
        "SELECT base_ms + last_mono_ms - first_mono_ms FROM boot ORDER BY 1 DESC LIMIT 1"
    ).fetchone()
    newest = connection.execute(
        "SELECT base_ms + mono_ms - first_mono_ms FROM boot JOIN "
        "(SELECT boot, mono_ms FROM report ORDER BY id DESC LIMIT 1) AS last ON last.boot = boot.id"
    ).fetchone()
    return max((int(one[0]) for one in (noted, newest) if one is not None), default=0)


def seen(connection: sqlite3.Connection, boot: Boot, mono_ms: int) -> None:
    """Note that the boot lasted until ``mono_ms``; call within a transaction."""
    update = "UPDATE boot SET last_mono_ms = max(last_mono_ms, ?) WHERE id = ?"
    connection.execute(update, (mono_ms, boot.id))
