"""What a daemon's store says, read from outside while it runs."""

from pathlib import Path
from typing import Any

from gateway.errors import StoreError
from gateway.store.reader import Reader


class Records:
    """The store in a folder."""

    folder: Path

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What its store answers; nothing while there is no store yet."""
        try:
            with Reader.open(self.folder / "gateway.db") as reader:
                return reader.query(sql, parameters).rows
        except StoreError:
            return []

    def values(self, metric: str) -> list[float]:
        """Stored readings of a metric, in the order they were stored."""
        sql = "SELECT value FROM reading WHERE metric = ? ORDER BY report"
        return [value for (value,) in self.rows(sql, metric)]

    def commands(self) -> list[tuple[str, str]]:
        """(state, reason) of every command, oldest first."""
        return self.rows("SELECT state, reason FROM command ORDER BY id")

    def states(self) -> list[str]:
        """State of every command, oldest first."""
        return [state for state, _ in self.commands()]
