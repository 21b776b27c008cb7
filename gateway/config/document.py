"""YAML -> a tree in which every key and value knows its line and column.

All scalars stay text: ``ON``, ``0x00158d00018255df``, ``0101``, ``12:34`` and ``3.10`` mean what
the schema says, not what YAML 1.1 makes of them. Aliases, anchors, merge keys and tags but our own
are refused, since a few lines of them can stand for a terabyte; a duplicate key is an error, not a
silent last-wins.

``!include FILE`` stands for what another file says (see ``including``), ``!env`` and
``!credential`` for a value from elsewhere (see ``references``). What cannot be had is an error at
its place, but only for whoever reads the section in which it is named.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from gateway.config.events import Reader
from gateway.config.including import Reach, Shelf
from gateway.config.problems import BadFileError, Problem
from gateway.config.tree import Document, Mapping, Mark, scalars

MAX_BYTES = 1 << 20
ABSENT = "edge-gateway init writes a first one; --config or EDGE_GATEWAY_CONFIG names another place"
"""What helps when the user's file is not there."""


def read(
    file: Path,
    only: Collection[str] | None = None,
    *,
    lenient: bool = False,
    absent: str = ABSENT,
) -> Document:
    """Read a file, with what it includes.

    Args:
        file: the file.
        only: sections to keep; whatever the others name is not missed.
        lenient: nothing that is named is missed; it has no value.
        absent: what helps when there is no such file.

    Raises:
        BadFileError: it cannot be read, or is not the YAML we take; with every problem of it.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadFileError([Problem(str(file), 1, 1, f"larger than {MAX_BYTES} bytes")])
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = absent if isinstance(error, FileNotFoundError) else ""
        raise BadFileError([Problem(str(file), 0, 1, f"cannot be read: {why}", hint)]) from None
    return parse(data, file, only, lenient=lenient)


def parse(
    data: bytes,
    file: Path,
    only: Collection[str] | None = None,
    reach: Reach | None = None,
    *,
    lenient: bool = False,
) -> Document:
    """Read a file's bytes.

    Args:
        data: what it says.
        file: where it lies, or would; names of files are relative to it.
        only: sections to keep.
        reach: which files it may include; usually any.
        lenient: nothing that is named is missed.

    Raises:
        BadFileError: with every problem.
    """
    shelf = Shelf(MAX_BYTES, reach or Reach.of(file))
    doc = _parsed(shelf.put(data, file, Mark(1, 1)), shelf)
    if only is not None and isinstance(doc.root, Mapping):
        kept = {key: node for key, node in doc.root.items.items() if key in only}
        doc = replace(doc, root=replace(doc.root, items=kept))
    missed = [problem for one in scalars(doc.root) for problem in one.wrong]
    if missed and not lenient:
        raise BadFileError(missed)
    return doc


def parse_received(data: bytes, file: Path, after: Document) -> Document:
    """Read a file that came from elsewhere: it names nothing of this machine.

    Args:
        data: what it says.
        file: where it lies.
        after: a document whose lines its own follow.

    Raises:
        BadFileError: with every problem.
    """
    shelf = Shelf(MAX_BYTES, None, list(after.lines), list(after.parts))
    return _parsed(shelf.put(data, file, Mark(1, 1)), shelf)


def _parsed(text: str, shelf: Shelf) -> Document:
    """The document of a shelf, whose first file is ``text``.

    Raises:
        BadFileError: with every problem.
    """
    reader = Reader(shelf, 0)
    root = reader.read(text)
    if reader.problems:
        missed = [problem for one in scalars(root) for problem in one.wrong]
        raise BadFileError([*reader.problems, *missed])
    return replace(shelf.document, root=root)
