"""Which store a word on the command line means."""

from pathlib import Path
from typing import Final

from gateway.receiver.ports import Store

POSTGRES: Final = ("postgresql://", "postgres://")


def open_store(store: str) -> Store:
    """Open it for writing, or make it.

    Raises:
        ConfigError: psycopg is not installed.
        StoreError: it cannot be used.
    """
    if store.startswith(POSTGRES):
        from gateway.receiver.postgres import Store as Postgres

        return Postgres.open(store)
    from gateway.receiver.sqlite import Store as Sqlite

    return Sqlite.open(Path(store))


def look_into(store: str) -> Store:
    """Open it for reading, beside a receiver that runs.

    Raises:
        ConfigError: psycopg is not installed.
        StoreError: it cannot be read.
    """
    if store.startswith(POSTGRES):
        from gateway.receiver.postgres import Store as Postgres

        return Postgres.look(store)
    from gateway.receiver.sqlite import Store as Sqlite

    return Sqlite.look(Path(store))
