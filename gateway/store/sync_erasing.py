"""Erasing in the ledger of sync: rows that clouds would not take, and that name a device.

A batch on its way may name it, too: it is sent as it is, since the receiver may have it already.
"""

from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.store.sync_opening import connect_beside, ledger_of

_NAMED: Final = "instr(lower(row), lower(?))"


def forget(database: Path, device: str) -> int:
    """Delete what is set aside of a device, and overwrite where it was; how many rows.

    Raises:
        sqlite3.Error: the ledger is held by somebody for long, or damaged; nothing was deleted.
    """
    path = ledger_of(database)
    if not path.is_file():
        return 0
    with closing(connect_beside(path)) as ledger:
        ledger.execute("PRAGMA secure_delete = ON").fetchall()
        if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'refused'").fetchone():
            return 0
        return ledger.execute(f"DELETE FROM refused WHERE {_NAMED}", (device,)).rowcount  # noqa: S608
