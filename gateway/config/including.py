"""``!include FILE``: the files that one document is made of, and which of them it may have.

A name is relative to the file that includes, and stays in the folder of the configuration or
below; an absolute name leads elsewhere, and what that file includes stays in its own folder. Only
``.yaml`` and ``.yml`` are included: a file of secrets, or of the system, is none by mistake. There
are at most ``MAX_FILES``, ``MAX_NESTED`` deep, and together they are no larger than one may be.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from gateway.config.problems import BadFileError, Problem, near
from gateway.config.references import UnmetError
from gateway.config.tree import Document, Mapping, Mark, Part

MAX_FILES: Final = 256
MAX_NESTED: Final = 8
SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which files may be included."""

    folder: Path
    """Relative names stay in it."""
    outside: frozenset[Path] | None = None
    """Files that may be named absolutely; None: any."""

    @classmethod
    def of(cls, file: Path) -> Self:
        """What a file of the machine may include."""
        return cls(file.absolute().parent)


@dataclass(slots=True)
class _Opened:
    """A file that is being read."""

    file: Path
    real: Path
    """Without symbolic links."""
    folder: Path
    """Names in it stay here."""


@dataclass(slots=True)
class Shelf:
    """The files of one document, in the order in which they were opened."""

    spare: int
    """Bytes that may still come."""
    reach: Reach | None
    """None: nothing may be included or named."""
    lines: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    _open: list[_Opened] = field(default_factory=list)

    @property
    def document(self) -> Document:
        """What there is up to now, for places."""
        parts = tuple(self.parts)
        return Document(parts[0].file, self.lines, Mapping(Mark(1, 1)), parts)

    def put(self, data: bytes, file: Path, at: Mark) -> str:
        """Take a file's bytes, and give their text.

        Raises:
            BadFileError: they are too many, or no UTF-8.
        """
        self.spare -= len(data)
        if self.spare < 0:
            most = self.spare + len(data)
            raise BadFileError([Problem(str(file), 1, 1, f"larger than {most} bytes")])
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8", "replace")
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            via = self.document.included_at(at) if self._open else Mark(0, 0)
            raise BadFileError([Problem(str(file), line, column, "not UTF-8", via=via)]) from None
        if self.lines:
            self.lines.append("")  # where the parser says that the file before it ends
        self.parts.append(Part(file, len(self.lines), at))
        self.lines += text.splitlines()
        if not self._open and self.reach is not None:
            self._open.append(_Opened(file, Path(os.path.realpath(file)), self.reach.folder))
        return text

    @contextmanager
    def opened(self, name: str, at: Mark) -> Iterator[str]:
        """The text of a file that is included, while it is read.

        Raises:
            UnmetError: it may not be included, is not there, or includes itself.
            BadFileError: it is too large, or no UTF-8.
        """
        found = self._found(name)
        if any(one.real == found.real for one in self._open):
            raise UnmetError(f"{name!r} includes itself", " -> ".join(self._way(name)))
        if len(self._open) > MAX_NESTED or len(self.parts) > MAX_FILES:
            raise UnmetError(f"more than {MAX_FILES} files, or more than {MAX_NESTED} deep")
        data = _data(found, name, self.spare)
        if not data.strip():
            raise UnmetError(f"{name!r} is empty")
        text = self.put(data, found.file, at)
        self._open.append(found)
        try:
            yield text
        finally:
            self._open.pop()

    def _way(self, name: str) -> Iterator[str]:
        yield from (one.file.name for one in self._open)
        yield name

    def _found(self, name: str) -> _Opened:
        includes = self._open[-1]
        if "\0" in name or not name.strip():
            raise UnmetError("!include takes the name of a file")
        if not name.endswith(SUFFIXES):
            raise UnmetError(f"{name!r}: only {' and '.join(SUFFIXES)} can be included")
        file = includes.file.parent / name
        plain = Path(os.path.normpath(file.absolute()))
        real = Path(os.path.realpath(file))
        if not Path(name).is_absolute():
            if not plain.is_relative_to(includes.folder):
                message = f"{name!r} is outside {includes.folder}"
                raise UnmetError(message, "where that is meant, write its absolute name")
            return _Opened(file, real, includes.folder)
        outside = self.reach.outside if self.reach else None
        if (
            outside is not None
            and real not in outside
            and not plain.is_relative_to(includes.folder)
        ):
            raise UnmetError(f"{name!r}: a file elsewhere is included only from the file itself")
        return _Opened(file, real, plain.parent)


def _data(found: _Opened, name: str, spare: int) -> bytes:
    try:
        known = found.file.stat()
        if not stat.S_ISREG(known.st_mode):
            raise UnmetError(f"{name!r} is not a file")
        if known.st_size > spare:
            raise UnmetError(f"{name!r} makes the configuration too large")
        return found.file.read_bytes()
    except OSError as error:
        raise UnmetError(
            f"{name!r} cannot be read: {error.strerror}", _beside(found.file)
        ) from None


def _beside(file: Path) -> str:
    """A file of the folder with nearly the same name."""
    try:
        return near(
            file.name, [one.name for one in file.parent.iterdir() if one.suffix in SUFFIXES]
        )
    except OSError:
        return ""
