"""What the gateway's database holds when the demo is over, read as a user would read it."""

from collections.abc import Mapping
from pathlib import Path

from gateway.errors import StoreError
from gateway.store.reader import Reader

QUESTIONS: Mapping[str, str] = {
    "readings": "SELECT count(*) FROM reading",
    "uncertain": "SELECT count(*) FROM reading WHERE reason <> 'ok'",
    "rejects": "SELECT count(*) FROM reject",
    "duplicates": "SELECT coalesce(sum(n), 0) FROM counter WHERE reason = 'duplicate'",
    "verdicts": "SELECT count(*) FROM verdict",
}


def count(database: Path) -> dict[str, object]:
    """Rows by name; every one None when there is no database to read."""
    try:
        with Reader.open(database) as reader:
            return {name: reader.query(sql).rows[0][0] for name, sql in QUESTIONS.items()}
    except StoreError:
        return dict.fromkeys(QUESTIONS)
