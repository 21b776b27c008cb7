"""What the process that reads a file has to say; the other end is ``apart``."""

import pickle
from dataclasses import replace
from pathlib import Path

from gateway.config import lastgood
from gateway.config.changes import changes
from gateway.config.problems import BadFileError
from gateway.config.settings import Settings
from gateway.errors import ConfigError


def said(path: Path, before: bytes, *, fall_back: bool) -> bytes:
    """The settings of a file, or its ConfigError, for ``apart.Reading``.

    Args:
        path: the file.
        before: the snapshot of the one before it; empty of none.
        fall_back: the last good file stands in for one that is broken.
    """
    return pickle.dumps(_read(path, before, fall_back=fall_back))


def _read(path: Path, before: bytes, *, fall_back: bool) -> Settings | ConfigError:
    try:
        found = lastgood.read(path)
        return _compared(found, path, before) if before else found
    except ConfigError as error:
        kept = lastgood.fallback(path, str(error)) if fall_back else None
        # A member of a fleet that cannot command makes room: the others take its assets over.
        return kept if kept is not None and kept.fleet is None else error


def _compared(found: Settings, path: Path, before: bytes) -> Settings:
    """The settings, with what has changed."""
    try:
        old, new = lastgood.root(before, path), lastgood.root(found.snapshot, path)
    except BadFileError:  # what was named then is not there any more
        return found
    if old is None or new is None:
        return found
    return replace(found, changed=tuple(changes(old, new)))
