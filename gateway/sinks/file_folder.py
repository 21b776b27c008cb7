"""The folder of a stream: an open segment, closed ones below the day of their first row, a cursor.

::

    <gateway>/<epoch>/<lane>/open.jsonl.gz
                             cursor.json
                             lock
                             2026-11-21/000000000001-000000012000.jsonl.gz

Names are percent-encoded. Of a closed segment the name says which rows are in it. ``cursor.json``
says how far the stream was when the last one was closed, for when closed ones are moved away.
"""

import json
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from gateway.core.batches import Cursor, Stream
from gateway.sinks.file_journal import settle

CURSOR = "cursor.json"
DIGITS = 12
_CLOSED = re.compile(r"([0-9]{1,18})-([0-9]{1,18})\.(?:jsonl\.gz|parquet)")


def of(root: Path, stream: Stream) -> Path:
    """Where a stream's files are."""
    return root.joinpath(*(_level(name) for name in stream))


def make(folder: Path, root: Path) -> None:
    """Make a stream's folder below a root that is there.

    Raises:
        OSError: the root is not there, or not writable.
    """
    levels = [folder, *folder.parents]
    for one in reversed(levels[: levels.index(root)]):
        if not one.is_dir():
            one.mkdir(exist_ok=True)
            settle(one.parent)


def closed(folder: Path) -> list[tuple[int, int, Path]]:
    """The closed segments: first row, last row, file; oldest rows first.

    Raises:
        OSError: the folder cannot be read.
    """
    named = ((_CLOSED.fullmatch(file.name), file) for file in folder.glob("*/*"))
    return sorted((int(name[1]), int(name[2]), file) for name, file in named if name)


def name(first: int, last: int, ending: str) -> str:
    """Of a closed segment; their names sort as their rows do."""
    return f"{first:0{DIGITS}}-{last:0{DIGITS}}.{ending}"


def day(at_ms: int) -> str:
    """The day of a time, in UTC; that of no time is the first."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return "1970-01-01"


def read_cursor(folder: Path) -> Cursor:
    """How far the stream was when a segment was last closed.

    Raises:
        OSError: it cannot be read.
    """
    try:
        told = json.loads((folder / CURSOR).read_bytes())
        return Cursor(int(told["seq"]), str(told["position"]))
    except FileNotFoundError:
        return Cursor()
    except (ValueError, KeyError, TypeError):
        return Cursor()  # somebody else wrote it; the names of the segments say how far we are


def write_cursor(folder: Path, cursor: Cursor) -> None:
    """Say how far the stream is, durably.

    Raises:
        OSError: it is not said.
    """
    draft = folder / f".{CURSOR}"
    with draft.open("wb") as file:
        file.write(json.dumps(cursor._asdict()).encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / CURSOR)
    settle(folder)


def sweep(folder: Path) -> None:
    """Delete what a killed process left half made; if it is still being written, nobody sees it.

    Raises:
        OSError: one cannot be deleted.
    """
    for draft in folder.glob(".*.parquet.*"):
        draft.unlink(missing_ok=True)


def prune(folder: Path, most: int) -> None:
    """Delete the oldest closed segments until the rest has at most so many bytes; never the last.

    Raises:
        OSError: one cannot be deleted.
    """
    found = closed(folder)
    total = sum(file.stat().st_size for _, _, file in found)
    for _, _, file in found[:-1]:
        if total <= most:
            return
        total -= file.stat().st_size
        file.unlink()
        with suppress(OSError):  # not empty
            file.parent.rmdir()


def _level(word: str) -> str:
    """One level of a path, whatever is in the word."""
    quoted = quote(word, safe=" ")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted
