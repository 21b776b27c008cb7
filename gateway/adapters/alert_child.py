"""The process that hands one letter to Apprise, and ends.

Apprise and its 180 services are half a second of CPU and 36 MB of memory, more than the daemon
itself; a service may hang for minutes. So nothing of it lives in the daemon: a child is started for
each letter, killed when it takes too long, and gone afterwards. stdin: one JSON object with
``to_file``, ``line``, ``title`` and ``body``; stdout: one with ``error``, empty when it was sent.
"""

import json
import logging
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

MAX_BYTES: Final = 65_536
LONGEST: Final = 300
"""Characters of an error."""
SECRET: Final = 4
"""Shorter pieces of an address give nothing away."""


def addresses(file: Path) -> list[str]:
    """The addresses of a file: one per line, # begins a comment.

    Raises:
        OSError: it cannot be read.
    """
    with file.open(encoding="utf-8", errors="replace") as opened:
        lines = [line.strip() for line in opened.read(MAX_BYTES).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


class _Said(logging.Handler):
    """What the library says while it sends: why it failed is in no return value."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def send(file: Path, line: int, title: str, body: str) -> str:
    """Send one message; why it was not, empty when it was."""
    try:
        found = addresses(file)
    except OSError as error:
        return f"{file}: {error.strerror}"
    if line >= len(found):
        return f"{file}: there is no address {line + 1}"
    try:
        from apprise import Apprise
    except ImportError:
        return "Apprise is missing: pip install 'edge-gateway[alerts]'"
    said = _Said()
    logging.getLogger().addHandler(said)
    target = Apprise.instantiate(found[line])
    if target is None:
        return f"{file}: address {line + 1} is none that Apprise knows"
    if target.notify(body=body, title=title):
        return ""
    why = "; ".join(said.lines) or "the service did not take it"
    return masked(why, found[line])[:LONGEST]


def masked(words: str, address: str) -> str:
    """What was said, without anything of the address that could be a secret: all but its host."""
    parts = urlsplit(address)
    given = [parts.username or "", parts.password or "", parts.path, parts.query]
    whole = [unquote(piece) for piece in given] + given
    pieces = {part for piece in whole for part in (piece, *re.split(r"[^\w.~-]+", piece))}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= SECRET:
            words = words.replace(piece, "...")
    return words


def main() -> None:
    """Send what is asked for on stdin."""
    asked = json.load(sys.stdin)
    error = send(Path(asked["to_file"]), asked["line"], asked["title"], asked["body"])
    json.dump({"error": error}, sys.stdout)


if __name__ == "__main__":
    main()
