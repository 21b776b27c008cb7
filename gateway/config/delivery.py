"""Where lies what was received: a folder beside the database, of which the file says nothing."""

from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = "updates"
CURRENT: Final = "current"
"""Of a model: a link to the package that was delivered last."""


def folder(database: Path) -> Path:
    """Everything that is received, and what is remembered of it."""
    return database.parent / FOLDER


def models(received: Path, name: str) -> Path:
    """The packages of one model."""
    return received / "models" / name


def package(received: Path, name: str) -> Path | None:
    """The package that was delivered last, and not withdrawn; None when there is none."""
    link = models(received, name) / CURRENT
    try:
        return link.with_name(link.readlink().name)
    except OSError:
        return None


def configuration(received: Path) -> Path:
    """The received configuration that is in force, if there is one."""
    return received / "config" / "current.yaml"


def digest(data: bytes) -> str:
    """What a received file is known by."""
    return sha256(data).hexdigest()
