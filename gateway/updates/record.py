"""The record: what was taken, what failed here, and what people are still to be told.

One small file, written by a visit, by the daemon, and by the start of one, each under a lock of the
system's (flock), which no crash leaves closed.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

from gateway.updates import files

FILE: Final = "record.json"
OUT: Final = 200
"""So many packages and configurations that failed here are remembered."""
OFFERED: Final = 50
UNTOLD: Final = 200
"""So many events wait for the daemon; of more, the oldest are dropped."""


class Taken(NamedTuple):
    """What was taken of the repository and is in use, or on trial."""

    path: str
    sha256: str
    version: str
    at_ms: int


@dataclass(slots=True)
class Record:
    """What is remembered."""

    checked_ms: int = 0
    """When the repository was last asked and believed, UTC epoch ms."""
    failed_ms: int = 0
    """When it was asked in vain since; 0: it was not."""
    why: str = ""
    """Why in vain."""
    refused: bool = False
    """It was there, and not to be believed."""
    requests: int = 0
    """Of the last visit."""
    bytes: int = 0
    models: dict[str, Taken] = field(default_factory=dict)
    config: Taken | None = None
    offered: list[str] = field(default_factory=list)
    """sha256 of what was offered and told of, newest first."""
    out: dict[str, str] = field(default_factory=dict)
    """sha256 -> why it is not tried again, oldest first."""
    untold: list[dict[str, object]] = field(default_factory=list)
    """Events that the daemon has not told yet."""
    told: int = 0
    """Number of the newest event."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it; nothing is remembered where it is not there, or damaged."""
        try:
            record = cls(**json.loads((folder / FILE).read_bytes()))
            record.models = {name: Taken(*row) for name, row in record.models.items()}
            record.config = Taken(*record.config) if record.config else None
            record.offered, record.untold = [*record.offered], [*record.untold]
            record.out = {str(sha256): str(why) for sha256, why in record.out.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()
        return record

    def save(self, folder: Path) -> None:
        """Write it.

        Raises:
            OSError: it cannot be written.
        """
        while len(self.out) > OUT:
            del self.out[next(iter(self.out))]
        del self.untold[:-UNTOLD], self.offered[OFFERED:]
        files.put(folder / FILE, json.dumps(asdict(self)).encode())

    def ended(self, why: str, now_ms: int, *, refused: bool = False) -> None:
        """A visit has ended; ``why`` in vain, empty when it was not."""
        if why and why != self.why:
            self.failed_ms = now_ms
            event = "update_check_refused" if refused else "update_check_failed"
            self.tell(event, "repository", {"why": why[:1000]})
        elif not why:
            self.checked_ms, self.failed_ms = now_ms, 0
        self.why, self.refused = why, refused

    def tell(self, event: str, about: str, keys: Mapping[str, object]) -> None:
        """Something happened: the daemon says it, and puts it on record."""
        self.told += 1
        self.untold.append({"number": self.told, "event": event, "about": about, **keys})

    def fail(self, about: str, taken: Taken, why: str, event: str = "update_refused") -> None:
        """It is not tried again."""
        self.out[taken.sha256] = why[:500]
        self.tell(event, about, {**_named(taken), "why": why[:1000]})

    def took(self, event: str, about: str, taken: Taken) -> None:
        """It came one step further."""
        self.tell(event, about, _named(taken))


def _named(taken: Taken) -> dict[str, object]:
    return {"target": taken.path, "sha256": taken.sha256, "version": taken.version or None}


@contextmanager
def locked(folder: Path, name: str, *, wait: bool) -> Iterator[None]:
    """Be the only one who does something here; ``wait`` for whoever does.

    Raises:
        BlockingIOError: somebody does, and is not waited for.
        OSError: there can be no lock.
    """
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def changing(folder: Path) -> Iterator[Record]:
    """Change the record, and what it is about, while nobody else does; nobody does for long.

    Raises:
        OSError: it cannot be written.
    """
    with locked(folder, "record", wait=True):
        record = Record.load(folder)
        yield record
        record.save(folder)
