"""A package in one file: an uncompressed ``.tar``, read without unpacking it to the disk.

Read by a reader of its own, not by ``tarfile``: a package needs plain files with short names, and
everything else that the format can say (links, devices, folders, sparse files, extended headers,
compression) is a way to mean another file than the one that is checked. Field offsets: POSIX.1-1988
ustar; GNU tar and BSD tar write the same header for such files.
"""

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from gateway.models import files
from gateway.models.files import MAX_FILE_BYTES, MAX_FILES, Handed, refused

BLOCK: Final = 512
MAX_TAR_BYTES: Final = 98 * 1024 * 1024
_KINDS: Final[Mapping[bytes, str]] = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a named pipe",
    b"S": "a sparse file",
    b"x": "an extended header (pax)",
    b"g": "an extended header (pax)",
    b"L": "a long name (GNU)",
    b"K": "a long link (GNU)",
}
_COMPRESSED: Final[Mapping[bytes, str]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
}
_ADVICE: Final = "make it with: edge-gateway model pack FOLDER OUT.tar"


class Place(NamedTuple):
    """Where a member's bytes lie in the file."""

    offset: int
    bytes: int


class Folder(NamedTuple):
    """A package as a directory."""

    path: Path

    def names(self) -> set[str]:
        """What lies in it.

        Raises:
            PackageError: it is no directory.
        """
        try:
            return {entry.name for entry in os.scandir(self.path)}
        except OSError as error:
            found, advice = error.strerror or "none", "give the package's directory, or its .tar"
            raise refused(str(self.path), "", "a directory", found, advice) from error

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """One file of it.

        Raises:
            PackageError: it is missing, not a plain file, a link, or too large.
        """
        return files.read(self.path, name, max_bytes=max_bytes)


class Archive(NamedTuple):
    """A package as a ``.tar``."""

    path: Path
    places: Mapping[str, Place]
    handed: int | None = None
    """The open file, where somebody else opened it."""

    def names(self) -> set[str]:
        """What lies in it."""
        return set(self.places)

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """One member of it.

        Raises:
            PackageError: it is missing, too large, compressed, or the file changed meanwhile.
        """
        place = self.places.get(name)
        if place is None:
            advice = "put it there"
            raise refused(name, "", f"a readable file in {self.path}", "none of that name", advice)
        if place.bytes > max_bytes:
            found = f"{place.bytes} bytes"
            raise refused(name, "", f"at most {max_bytes} bytes", found, "use a smaller model")
        with _open(self.path, self.handed) as tar:
            tar.seek(place.offset)
            content = tar.read(place.bytes)
        _refuse_compressed(name, content)
        return content


Box = Folder | Handed | Archive


def opened(path: Path, handed: Mapping[str, int] | None = None) -> Box:
    """The package at a path: a directory, or a ``.tar`` whose members are listed, unread.

    With ``handed`` (name -> descriptor; of a ``.tar`` the one name is empty) no file is opened.

    Raises:
        PackageError: it is a file, and no plain tar.
    """
    tar_file = handed.get("") if handed else None
    if handed and tar_file is None:
        return Handed(path, handed)
    if not handed and not path.is_file():
        return Folder(path)
    with _open(path, tar_file) as tar:
        return Archive(path, dict(_members(path.name, tar)), tar_file)


def pack(contents: Mapping[str, bytes], out: Path) -> None:
    """Write a ``.tar``; the same contents give the same bytes.

    Raises:
        OSError: it cannot be written; what was there is unchanged.
    """
    import tarfile

    with tempfile.NamedTemporaryFile(dir=out.absolute().parent, delete=False) as scratch:
        try:
            with tarfile.open(fileobj=scratch, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for name in sorted(contents):
                    member = tarfile.TarInfo(name)  # owner, time and mode are always the same
                    member.size = len(contents[name])
                    tar.addfile(member, io.BytesIO(contents[name]))
            scratch.flush()
            os.fsync(scratch.fileno())
            os.fchmod(scratch.fileno(), 0o644)
            Path(scratch.name).replace(out)
        except BaseException:
            Path(scratch.name).unlink()
            raise


def _open(path: Path, handed: int | None = None) -> BinaryIO:
    if handed is not None:
        files.check(path.name, os.fstat(handed), MAX_TAR_BYTES)
        return os.fdopen(handed, "rb", closefd=False)
    try:
        return os.fdopen(files.descriptor(path.parent, path.name, MAX_TAR_BYTES), "rb")
    except OSError as error:
        found = error.strerror or str(error)
        raise refused(path.name, "", "a readable file", found, "put it there") from error


def _members(file: str, tar: BinaryIO) -> Iterator[tuple[str, Place]]:
    """Yield the members up to the first empty block.

    Raises:
        PackageError: something is not as a package needs it.
    """
    size = tar.seek(0, io.SEEK_END)
    _refuse_compressed(file, _block(tar, 0))
    seen: set[str] = set()
    offset = 0
    while any(block := _block(tar, offset)):
        name, length = _header(file, block)
        offset += BLOCK
        if name:
            problem = _surprise(name, seen)
            if problem or len(seen) >= MAX_FILES:
                found = problem or f"more than {MAX_FILES} members"
                raise refused(file, _shown(name), "a file of a package", found, _ADVICE)
            if offset + length > size:
                found = f"{size - offset} of {length} bytes"
                raise refused(file, name, "the whole file", found, "fetch the package again")
            seen.add(name)
            yield name, Place(offset, length)
        offset += -(-length // BLOCK) * BLOCK


def _block(tar: BinaryIO, offset: int) -> bytes:
    """One block; empty at the end of the file, which a tar may have instead of empty blocks."""
    tar.seek(offset)
    block = tar.read(BLOCK)
    if block and len(block) < BLOCK:
        raise refused("", "", "a whole .tar", "a cut one", "fetch the package again")
    return block


def _header(file: str, block: bytes) -> tuple[str, int]:
    """Name and size of a member; an empty name for the folder itself, which ``tar`` also writes."""
    name = block[:100].rstrip(b"\0").decode("ascii", "backslashreplace").removeprefix("./")
    summed = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if block[257:262] != b"ustar" or _octal(block[148:156]) != summed:
        raise refused(file, "", "a .tar", "a header that is none", _ADVICE)
    kind, length = block[156:157], _octal(block[124:136])
    if kind == b"5" and name in ("", ".") and length == 0:
        return "", 0
    if kind not in (b"0", b"\0") or length is None or any(block[345:500]):
        found = _KINDS.get(kind, "no plain file, or a long name")
        raise refused(file, _shown(name), "plain files only", found, _ADVICE)
    return name, length


def _octal(field: bytes) -> int | None:
    """A number of a header; None for what is none (also GNU's binary form, for > 8 GiB)."""
    digits = field.strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return None
    return int(digits, 8)


def _surprise(name: str, seen: set[str]) -> str:
    """What is wrong with a member's name."""
    if "/" in name or "\\" in name or name.startswith(".") or not name:
        return "a path; a package has no folders"
    return "the same name twice" if name in seen else ""


def _refuse_compressed(name: str, content: bytes) -> None:
    for magic, kind in _COMPRESSED.items():
        if content.startswith(magic):
            raise refused(name, "", "nothing compressed", kind, _ADVICE)


def _shown(name: str) -> str:
    return repr(name[:80])
