"""Files that are there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def put(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Write a file: by another name, to the disk, then by its own.

    Raises:
        OSError: it cannot be written; what was there is unchanged.
    """
    folder_mode = 0o755 if mode & 0o004 else 0o750
    path.parent.mkdir(mode=folder_mode, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    settle(path.parent)


def link(path: Path, to: str) -> None:
    """Let a link lead elsewhere, in one step.

    Raises:
        OSError: it cannot be made; it leads where it led.
    """
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(to)
    scratch.replace(path)
    settle(path.parent)


def remove(path: Path) -> None:
    """Take a file away, if it is there."""
    path.unlink(missing_ok=True)
    settle(path.parent)


def settle(folder: Path) -> None:
    """The names in a folder are on the disk."""
    if not folder.is_dir():
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
