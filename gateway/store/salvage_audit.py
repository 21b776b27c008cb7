"""The audit chain over a damage: the new chain names the old one and keeps what was left of it.

A salvaged chain is never joined to the new one: its records stand in ``audit_before``, and what the
damage took is missing there for all to see.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gateway.core.audit import Kind, Record, When
from gateway.store import chain

_INSERT: Final = "INSERT INTO audit_before VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS: Final = 9
"""Of table ``audit``."""


def begin(connection: sqlite3.Connection, damaged: Path, damage: str, when: When) -> str:
    """Record what the new chain follows on; returns the old one's epoch, empty when unknown."""
    told: dict[str, object] = {"damage": damage, **_old(damaged)}
    chain.append(connection, [Record(Kind.SALVAGE, damaged.name, told)], when)
    return str(told["epoch"])


def done(connection: sqlite3.Connection, state: dict[str, Any]) -> None:
    """Record what was copied: these rows have no records in the new chain."""
    query = "SELECT id, last_mono_ms FROM boot ORDER BY id DESC LIMIT 1"
    boot, mono_ms = connection.execute(query).fetchone()
    (at_ms,) = connection.execute("SELECT max(at_ms) FROM audit").fetchone()
    told = {"copied": state["copied"], "epoch": state["epoch"]}
    when = When(at_ms, boot, mono_ms, 0)
    chain.append(connection, [Record(Kind.SALVAGE, Path(state["path"]).name, told)], when)


def copy(connection: sqlite3.Connection, rows: list[tuple[Any, ...]], epoch: str) -> int:
    """Keep old records as they are; what is not shaped like one is left out."""
    sound = [(epoch, *row[1:]) for row in rows if len(row) == _COLUMNS + 1 and None not in row]
    return connection.executemany(_INSERT, sound).rowcount if sound else 0


def _old(damaged: Path) -> dict[str, object]:
    """Epoch and end of the damaged database's chain, as far as they can be read."""
    told: dict[str, object] = {"epoch": "", "seq": None, "hash": None}
    try:
        with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
            old.execute("PRAGMA writable_schema = ON")
            told["epoch"] = chain.epoch(old)
            last = chain.end(old)
            if last.seq:
                told |= {"seq": last.seq, "hash": last.hash.hex()}
    except (sqlite3.Error, TypeError, AttributeError):
        return told
    return told
