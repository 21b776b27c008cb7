"""A package tried out in a worker of its own, as the daemon would run it."""

import csv
import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.adapters.worker import Answer, Job, Worker
from gateway.core.counts import counted
from gateway.core.windows import Shape
from gateway.models import archive, golden
from gateway.models.package import Package, verify

DEADLINE_S = 60.0
MAX_WINDOWS = 200
"""Cut from a table; more would only take longer."""

Windows = Sequence["array[float]"]
"""Each rows x channels, row by row."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A package that is loaded under the name ``model``."""

    package: Package
    worker: Worker
    runtime: str
    idle_bytes: int
    """Resident memory of the worker before it loaded the package."""

    def judge(self, windows: Windows) -> list[Answer]:
        """Judge windows in one batch."""
        shape = self.package.shape
        dims = shape.length, len(shape.channels)
        jobs = [Job("model", "trial", window, *dims) for window in windows]
        return self.worker.judge(jobs, DEADLINE_S)


@contextmanager
def tried(path: Path) -> Iterator[Trial]:
    """Verify a package and load it into a worker, which ends with the block.

    Raises:
        PackageError: it is refused.
        WorkerError: it killed or hung the worker.
    """
    package, worker = verify(path), Worker()
    runtime = worker.start()
    try:
        idle_bytes = worker.rss_bytes
        worker.load("model", path)
        yield Trial(package, worker, runtime, idle_bytes)
    finally:
        worker.stop()


def golden_windows(package: Package) -> list["array[float]"]:
    """The windows of a package's golden vectors."""
    content = archive.opened(package.path).read(package.manifest.golden.file)
    vectors = golden.parse(content, package.manifest)
    return _cut(vectors.windows, len(vectors.windows) // vectors.count)


def file_windows(path: Path, shape: Shape) -> list["array[float]"]:
    """Windows from a user's file.

    ``.csv``: a header with the channels' names, then one row per period; windows are cut evenly
    from it. ``.json``: a list of windows, or ``{"windows": [...]}`` as in golden vectors.

    Raises:
        ClickException: the file does not hold what the shape needs.
    """
    names = [channel.name for channel in shape.channels]
    try:
        text = path.read_text("utf-8")
        table = _csv(text, names) if path.suffix == ".csv" else array("d", _numbers(text))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    size = shape.length * len(names)
    if path.suffix == ".csv":
        rows = len(table) // len(names)
        starts = range(0, rows - shape.length + 1, max(1, (rows - shape.length) // MAX_WINDOWS))
        columns = len(names)
        found = [table[at * columns : at * columns + size] for at in starts][:MAX_WINDOWS]
    else:
        found = _cut(table, size) if len(table) % size == 0 else []
    if not found:
        message = f"{path}: no whole window of {counted(shape.length, 'row')} of {', '.join(names)}"
        raise click.ClickException(message)
    return found


def file_truth(path: Path, count: int) -> list[str]:
    """The true labels that a ``.json`` of windows names, one per window; empty where it does not.

    Raises:
        ClickException: there are more or fewer than windows.
    """
    if path.suffix == ".csv":
        return []
    tree = json.loads(path.read_text("utf-8"))
    labels = [str(one) for one in tree.get("labels", ())] if isinstance(tree, dict) else []
    if labels and len(labels) != count:
        many = f"{counted(len(labels), 'label')} for {counted(count, 'window')}"
        raise click.ClickException(f"{path}: {many}")
    return labels


def _cut(values: "array[float]", size: int) -> list["array[float]"]:
    return [values[at : at + size] for at in range(0, len(values), size)]


def _csv(text: str, names: Sequence[str]) -> "array[float]":
    rows = csv.DictReader(text.splitlines())
    missing = sorted(set(names) - set(rows.fieldnames or ()))
    if missing:
        raise ValueError(f"no column {', '.join(missing)}")
    return array("d", (float(row[name]) for row in rows for name in names))


def _numbers(text: str) -> Iterator[float]:
    tree = json.loads(text)
    pending = [tree["windows"] if isinstance(tree, dict) else tree]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += reversed(item)
        else:
            yield float(item)
