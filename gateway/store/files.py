"""The files beside the database: the lock, the reserve, and damaged databases set aside."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.errors import StoreBusyError

OPENING_BYTES: Final = 1024**2
"""With less room than this the reserve is given up before the database is opened: SQLite makes its
-shm file and writes a first transaction then."""
ZEROS: Final = 4096
"""At once: Linux counts a write into the middle of something larger as if it were all of it."""
MAX_ASIDE: Final = 2
"""Damaged databases kept; older ones are removed, or they would fill the disk in turn."""


# The database header (sqlite.org/fileformat2.html, 1.3) as this program always writes it: magic;
# then, after the page size, WAL versions, reserved bytes and the three fixed fractions.
_MAGIC: Final = b"SQLite format 3\x00"
_FIXED: Final = bytes((2, 2, 0, 64, 32, 32))


def beside(path: Path, suffix: str) -> Path:
    """``gateway.db`` -> ``gateway.db<suffix>``."""
    return path.with_name(path.name + suffix)


def take_lock(path: Path) -> int:
    """Take the lock file; the kernel frees it when the process ends, however it ends.

    Returns: the file descriptor that holds it.

    Raises:
        StoreBusyError: another process has it.
        OSError: the lock file cannot be made.
    """
    lock = beside(path, ".lock")
    holder = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(holder, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(holder)
        raise StoreBusyError(
            f"{path} belongs to another running gateway (process {pid}): stop that one "
            "(systemctl stop edge-gateway), or give this one its own store.path"
        ) from None
    with suppress(OSError):  # a full disk: the number is only for the message above
        os.ftruncate(holder, 0)
        os.pwrite(holder, f"{os.getpid()}\n".encode(), 0)
    return holder


class Ballast:
    """A file held in reserve, given up when the disk is full so that deleting rows works.

    A delete writes to the WAL before it frees anything, so on a disk that is really full it fails.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = beside(path, ".ballast")
        self._size = size

    @property
    def there(self) -> bool:
        """The reserve is whole."""
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def release(self) -> bool:
        """Give it up; false when there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def restore(self, spare: int) -> bool:
        """Make it again if the disk has ``spare`` bytes beyond it; false when it was not made."""
        if not self._size or self.there or free_bytes(self._path) < self._size + spare:
            return False
        try:
            self._fill()
        except OSError:
            self.release()
            return False
        return True

    def _fill(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(handle, 0, self._size)
        finally:
            os.close(handle)


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write on the file system of ``path``."""
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize


def size_of(path: Path) -> int:
    """Size in bytes; 0 when there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def lengthen(path: Path, size: int) -> bool:
    """Write zeros behind the end of a file, up to a size; false when they did not all fit.

    Holes would not do: filling one changes what the file system keeps of the file, as growing does.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        at = os.fstat(handle).st_size
        while at < size:
            at += os.pwrite(handle, bytes(min(size - at, ZEROS)), at)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def set_aside(path: Path, stamp: str) -> Path:
    """Rename a damaged database with its -wal and -shm, and keep only the newest of these."""
    target = _unused(path, stamp)
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(target, suffix))
    _sync(path.parent)
    for old in aside(path)[:-MAX_ASIDE]:
        for suffix in ("-wal", "-shm", ""):
            beside(old, suffix).unlink(missing_ok=True)
    return target


def aside(path: Path) -> list[Path]:
    """The damaged databases that are kept, oldest first."""
    pattern = f"{path.name}.corrupt.*"
    found = (one for one in path.parent.glob(pattern) if not one.name.endswith(("-wal", "-shm")))
    return sorted(found, key=lambda one: (one.stat().st_mtime_ns, one.name))


def _unused(path: Path, stamp: str) -> Path:
    names = (f".corrupt.{stamp}{more}" for more in ("", *(f".{n}" for n in range(1, 100))))
    return next(one for one in (beside(path, name) for name in names) if not one.exists())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def mend_header(path: Path, page_size: int) -> None:
    """Write the parts of the header that never change, so that SQLite opens the file at all."""
    with path.open("r+b") as file:
        file.write(_MAGIC + page_size.to_bytes(2, "big") + _FIXED)
