"""Where the last good file lies, for those who only put it there; see ``lastgood``."""

import zlib
from pathlib import Path
from typing import Final

from gateway.store.files import beside

SUFFIX: Final = ".last-good.yaml"


def place(database: Path) -> Path:
    """Beside the database."""
    return beside(database, SUFFIX)


def packed(text: str) -> bytes:
    """Small enough to be carried about in the settings."""
    return zlib.compress(text.encode())


def unpacked(snapshot: bytes) -> bytes:
    """The file that is kept; empty of none."""
    return zlib.decompress(snapshot) if snapshot else b""
