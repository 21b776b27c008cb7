"""Reads the files of a package, trusting none of them."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from gateway.errors import PackageError
from gateway.models.schema import Problem

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
MAX_FILES: Final = 40
"""The manifest lists at most 32 files; it and its signature come on top."""
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""A larger model does not fit a Pi's worker (64 MB of weights need about 150 MB resident)."""


def refused(file: str, field: str, expected: str, found: str, advice: str) -> PackageError:
    """A refusal that names file, field, what was expected, what is there, and what to do."""
    return PackageError(str(Problem(file, field, expected, found, advice)))


class Handed(NamedTuple):
    """A package as a directory, whose files somebody else opened: here none can be."""

    path: Path
    descriptors: Mapping[str, int]

    def names(self) -> set[str]:
        """What lies in it."""
        return set(self.descriptors)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """One file of it.

        Raises:
            PackageError: it is missing, not a plain file, a link, or too large.
        """
        if name not in self.descriptors:
            found, advice = "No such file or directory", "put it there"
            raise refused(name, "", f"a readable file in {self.path}", found, advice)
        return _read_handed(self.descriptors[name], self.path, name, max_bytes)


def read(directory: Path, name: str, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of one plain file of the package.

    Links are refused: what is checked must be what the package carries, not what somebody else can
    change. ``O_NONBLOCK`` keeps a named pipe from blocking the caller.

    Raises:
        PackageError: it is missing, not a plain file, a link, or too large.
    """
    opened = descriptor(directory, name, max_bytes)
    try:
        return _content(opened, directory, name, max_bytes)
    finally:
        os.close(opened)


def _read_handed(opened: int, directory: Path, name: str, max_bytes: int) -> bytes:
    """A file that somebody else opened is held to the same rules; it stays open."""
    check(name, os.fstat(opened), max_bytes)
    os.lseek(opened, 0, os.SEEK_SET)
    return _content(opened, directory, name, max_bytes)


def _content(opened: int, directory: Path, name: str, max_bytes: int) -> bytes:
    try:
        with os.fdopen(opened, "rb", closefd=False) as file:
            size = os.fstat(opened).st_size  # read(n) takes n bytes of memory at once
            content = file.read(min(size, max_bytes) + 1)
    except OSError as error:
        raise _unreadable(directory, name, error) from error
    if len(content) > min(size, max_bytes):
        raise refused(name, "", f"at most {size} bytes", "more", "it grew while it was read")
    return content


def descriptor(directory: Path, name: str, max_bytes: int) -> int:
    """An open plain file, of at most ``max_bytes`` so far; the caller closes it.

    Raises:
        PackageError: it is missing, not a plain file, a link, or too large.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        opened = os.open(directory / name, flags)
    except (OSError, ValueError) as error:
        raise _unreadable(directory, name, error) from error
    try:
        check(name, os.fstat(opened), max_bytes)
    except PackageError:
        os.close(opened)
        raise
    return opened


def _unreadable(directory: Path, name: str, error: OSError | ValueError) -> PackageError:
    if (directory / name).is_symlink():
        return refused(name, "", "a plain file", "a symbolic link", "copy the file itself")
    found = getattr(error, "strerror", None) or str(error)
    return refused(name, "", f"a readable file in {directory}", found, "put it there")


def check(name: str, status: os.stat_result, max_bytes: int) -> None:
    """Refuse what a package must not be made of.

    Raises:
        PackageError: not a plain file, a link, or too large.
    """
    if not stat.S_ISREG(status.st_mode):
        raise refused(
            name, "", "a plain file", stat.filemode(status.st_mode), "copy the file itself"
        )
    if status.st_nlink != 1:
        found = f"{status.st_nlink} hard links to it"
        raise refused(name, "", "a file of the package alone", found, "copy it, do not link it")
    if status.st_size > max_bytes:
        found = f"{status.st_size} bytes"
        raise refused(name, "", f"at most {max_bytes} bytes", found, "use a smaller model")
