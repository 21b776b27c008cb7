"""The key of the pseudonyms: a file of the user's, or our own beside the database."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.core.pseudonyms import Pseudonyms
from gateway.errors import ConfigError

NAME: Final = "pseudonyms.key"
SIZE: Final = 32


def open_pseudonyms(named: Path | None, own: Path) -> Pseudonyms:
    """Read the key; our own is made when it is not there. Blocks.

    Raises:
        ConfigError: it cannot be read, made or used.
    """
    path = named or own
    try:
        if named is None:
            _make(own)
        return Pseudonyms(path.read_bytes().strip() if named else path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"privacy.key_file: {path}: {why}") from error


def _make(path: Path) -> None:
    """Make our own key, readable by us only; nothing happens when it is there."""
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(SIZE))
            file.flush()
            os.fsync(file.fileno())
