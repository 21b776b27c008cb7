"""Dumps of the flight recorder: files beside the database, few, small, and without secrets.

``<UTC time>-<why>.jsonl``: first what it is about, then what was heard, the lines of the log from
the oldest to the newest, and where every thread was. ``<UTC time>-crash.txt`` is what the
interpreter could still write of a crash in native code, or of a standstill (faulthandler).
"""

import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.adapters.recorder import Recorder
from gateway.core.masking import Mask
from gateway.core.times import rfc3339

FOLDER: Final = "flight-recorder"
ASKED: Final = "asked"
"""Why, when somebody asked for it."""
KEPT: Final = 5
"""Dumps of crashes; as many that were asked for."""
OPEN: Final = "open.txt"
"""What the interpreter writes to while the gateway runs."""
_NAME: Final = re.compile(r"\d{8}T\d{9}Z-[a-z_]+\.(?:jsonl|txt)")


def folder_of(database: Path) -> Path:
    """Where they lie."""
    return database.parent / FOLDER


def dumps(folder: Path) -> list[Path]:
    """All of them, the oldest first."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return sorted(one for one in folder.iterdir() if _NAME.fullmatch(one.name))


def why_of(file: Path) -> str:
    """Why it was written."""
    return file.stem.partition("-")[2]


def write(
    recorder: Recorder, folder: Path, why: str, now_ms: int, about: dict[str, Any], mask: Mask
) -> Path:
    """Write what is remembered, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{_stamp(now_ms)}-{why}.jsonl"
    hidden = file.with_suffix(".new")
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        for document in _documents(recorder, why, now_ms, about):
            out.write(mask.text(json.dumps(document, default=str, ensure_ascii=False)) + "\n")
    hidden.rename(file)
    tidy(folder)
    return file


def _documents(
    recorder: Recorder, why: str, now_ms: int, about: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    lines, heard = recorder.lines(), recorder.messages()
    counts = {"lines": len(lines), "messages": len(heard)}
    yield {"why": why, "at": rfc3339(now_ms), "pid": os.getpid(), **about, **counts}
    for at_ms, topic, size in heard:
        yield {"at": rfc3339(at_ms), "topic": topic, "bytes": size}
    for line in lines:
        head = {"at": rfc3339(line.at_ms), "level": line.level, "event": line.event}
        yield head | line.keys
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for number, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way
        yield {"thread": names.get(number, number), "stack": traceback.format_stack(frame)[-30:]}


def tidy(folder: Path) -> None:
    """Remove all but the newest of those that were asked for, and of the others."""
    asked = [one for one in dumps(folder) if why_of(one) == ASKED]
    others = [one for one in dumps(folder) if why_of(one) != ASKED]
    for old in (*asked[:-KEPT], *others[:-KEPT]):
        old.unlink(missing_ok=True)


def take_up(folder: Path, now_ms: int) -> Path | None:
    """What the interpreter wrote before it died the last time; None: nothing.

    Raises:
        OSError: the folder cannot be used.
    """
    left = folder / OPEN
    if not left.exists():
        return None
    if not left.stat().st_size:
        left.unlink()
        return None
    file = folder / f"{_stamp(now_ms)}-crash.txt"
    left.rename(file)
    tidy(folder)
    return file


def forget(folder: Path, text: str) -> None:
    """Remove dumps that name a device: what was erased is nowhere.

    Raises:
        OSError: one cannot be removed.
    """
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    for one in dumps(folder):
        if quoted in one.read_text(errors="replace"):
            one.unlink(missing_ok=True)


def _stamp(at_ms: int) -> str:
    return re.sub(r"[-:.]", "", rfc3339(at_ms))
