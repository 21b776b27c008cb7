"""Opens a package's files for the worker, which may open none; judges nothing about them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import PackageError

MAX_FILES: Final = 40
"""More than any package has (``gateway.models.files``), fewer than the worker may hold open."""
FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""No link is followed, and no named pipe holds us up."""


@contextmanager
def opened(path: Path) -> Iterator[Mapping[str, int]]:
    """Open files by name while the block runs: those of a directory, or one with an empty name.

    Raises:
        PackageError: one of them cannot be opened, or they are too many.
    """
    with ExitStack() as closing:
        found: dict[str, int] = {}
        for name, place in _places(path):
            try:
                found[name] = os.open(place, FLAGS)
            except OSError as error:
                raise _unreadable(place, error) from error
            closing.callback(os.close, found[name])
        yield found


def _places(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [("", path)]
    try:
        places = [(entry.name, path / entry.name) for entry in os.scandir(path)]
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(places) > MAX_FILES:
        raise PackageError(f"{path}: {len(places)} files; a package has at most {MAX_FILES}")
    return sorted(places)


def _unreadable(place: Path, error: OSError) -> PackageError:
    expected = "a plain file, not a link" if place.is_symlink() else "a readable file"
    return PackageError(f"{place}: expected {expected}, found {error.strerror}")
