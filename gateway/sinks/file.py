"""Batches as files in a folder: JSON lines, or Parquet; what is in the folder is the cursor.

A batch is durable in the open segment when it is answered. An open segment is closed when it is
long or old enough, or a new day begins: it becomes one file that never changes again, and appears
under its name whole or not at all. docs/sinks/file.md says what is where.
"""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.errors import DecodeError, SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import file_folder, file_journal, file_parquet
from gateway.sinks.file_journal import Journal


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    to_folder: str
    """A folder that is there: we make none, lest a drive that is not mounted be written beside."""
    format: Literal["jsonl", "parquet"] = "jsonl"
    """Of closed segments. The open one is JSON lines; Parquet needs the extra ``[parquet]``."""
    removable: bool = False
    """The folder is on another drive than the system: refuse to write while it is not."""
    segment_bytes: int = 16_777_216
    """An open segment is closed before it is longer."""
    segment_s: int = 3_600
    """An open segment is closed before its rows are further apart."""
    max_total_bytes: int = 0
    """Of each lane: the oldest closed segments are deleted beyond it; 0: none ever."""
    min_free_bytes: int = 268_435_456
    """Write only while the drive has so much left for others."""

    def __post_init__(self) -> None:
        if not self.to_folder:
            raise ValueError("to_folder is empty")
        if self.format == "parquet" and find_spec("pyarrow") is None:
            raise ValueError("format: parquet needs pip install 'edge-gateway[parquet]'")
        if min(self.segment_bytes, self.segment_s) < 1:
            raise ValueError("segment_bytes and segment_s are 1 or more")
        if min(self.max_total_bytes, self.min_free_bytes) < 0:
            raise ValueError("max_total_bytes and min_free_bytes are 0 or more")


_Settings = Settings


class Sink:
    """One stream to one folder. What another process does to the folder is seen at each call."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        """Nothing is looked at before ``cursor``."""
        self._settings, self._stream = settings, stream
        self._root = Path(settings.to_folder)
        self._folder = file_folder.of(self._root, stream)
        self._path = self._folder / file_journal.NAME
        self._busy = threading.Lock()
        self._open = False
        self._journal: Journal | None = None
        self._cursor = Cursor()

    def cursor(self) -> Cursor:
        """Look how far the folder is.

        Raises:
            SinkUnavailableError: it is not there, or not to be written.
        """
        with self._busy, self._at_work():
            self._look()
            self._open = True
            return self._cursor

    def send(self, batch: Batch) -> Answer:
        """Add a batch; its rows are durable when this returns.

        Raises:
            SinkUnavailableError: the drive is full, read-only, gone.
            SinkGapError: the folder is elsewhere in the stream.
            SinkRefusedError: it is no batch.
        """
        try:
            at_ms = file_journal.begin_ms(batch)
        except DecodeError as error:
            raise SinkRefusedError(str(error)) from error
        with self._busy:
            if not self._open:
                raise SinkUnavailableError("not open")
            with self._at_work():
                if self._changed():
                    self._look()
                if self._cursor.seq < batch.header.last:
                    self._add(batch, at_ms)
                return Answer(self._cursor)

    def close(self) -> None:
        """Leave it as it is: nothing is held back."""
        with self._busy:
            self._open = False

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Alone in the stream's folder; what the drive refuses is told in our words."""
        try:
            self._demand()
            file_folder.make(self._folder, self._root)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
        except OSError as error:
            self._open = False
            raise SinkUnavailableError(f"{self._folder}: {error}") from error
        except SinkUnavailableError:
            self._open = False
            raise

    def _demand(self) -> None:
        root, settings = self._root, self._settings
        if not root.is_dir():
            raise SinkUnavailableError(f"{root} is not there; is its drive mounted?")
        if settings.removable and root.stat().st_dev == Path("/").stat().st_dev:
            raise SinkUnavailableError(f"{root} is on the system's drive; is its own mounted?")
        free = shutil.disk_usage(root).free
        if free < settings.min_free_bytes:
            raise SinkUnavailableError(
                f"{root} has {free} bytes left; min_free_bytes is {settings.min_free_bytes}"
            )

    def _changed(self) -> bool:
        """Somebody else wrote, closed or removed the open segment."""
        known = self._journal
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return True
        return known is None or (stat.st_ino, stat.st_size) != (known.inode, known.length)

    def _look(self) -> None:
        journal, said = file_journal.read(self._path), file_folder.read_cursor(self._folder)
        closed = file_folder.closed(self._folder)
        last = closed[-1][1] if closed else 0
        if journal is not None and journal.cursor.seq <= last:
            self._path.unlink()  # killed after it was closed, before it was deleted
            file_journal.settle(self._folder)
            journal = None
        if last > said.seq:
            said = Cursor(last, _position(closed[-1][2]))
        self._journal = journal if journal is None else file_journal.secure(self._path, journal)
        self._cursor = said if journal is None else max(said, journal.cursor)

    def _add(self, batch: Batch, at_ms: int) -> None:
        if batch.header.after != self._cursor.seq:
            raise SinkGapError(*self._cursor)
        if self._journal is not None and self._due(self._journal, batch, at_ms):
            self._finish(self._journal)
            self._journal = None
        self._journal = file_journal.append(self._path, batch, at_ms, self._journal)
        self._cursor = batch.header.cursor

    def _due(self, journal: Journal, batch: Batch, at_ms: int) -> bool:
        """Late readings do not close a segment: time that runs back is not looked at."""
        settings = self._settings
        return (
            journal.size + len(batch.payload) > settings.segment_bytes
            or at_ms - journal.at_ms >= settings.segment_s * 1_000
            or file_folder.day(at_ms) > file_folder.day(journal.at_ms)
        )

    def _finish(self, journal: Journal) -> None:
        """Close the open segment. Killed at any point, it is found open or closed, never both."""
        file_folder.write_cursor(self._folder, journal.cursor)
        folder = self._folder / file_folder.day(journal.at_ms)
        folder.mkdir(exist_ok=True)
        file_journal.settle(self._folder)
        ending = "parquet" if self._settings.format == "parquet" else "jsonl.gz"
        final = folder / file_folder.name(journal.first, journal.cursor.seq, ending)
        if ending == "parquet":
            file_folder.sweep(folder)
            draft = folder / f".{final.name}.{os.getpid()}"
            metadata = {**self._stream._asdict(), "position": journal.cursor.position}
            file_parquet.convert(self._path, draft, metadata)
            draft.replace(final)
            file_journal.settle(folder)
            self._path.unlink()
        else:
            self._path.replace(final)
            file_journal.settle(folder)
        file_journal.settle(self._folder)
        if self._settings.max_total_bytes:
            file_folder.prune(self._folder, self._settings.max_total_bytes)


def _position(file: Path) -> str:
    """How far the database was at the end of a closed segment."""
    if file.suffix == ".parquet":
        return file_parquet.position(file)
    found = file_journal.read(file)
    return found.cursor.position if found is not None else ""
