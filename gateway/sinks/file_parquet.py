"""An open segment as a Parquet file, made by a process of its own.

pyarrow takes 80 MB of memory for as long as the process lives that has imported it; so it lives
for one file. ``python -m gateway.sinks.file_parquet <segment> <file> <metadata as JSON>``.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

TIMEOUT_S: Final = 600.0
ROWS: Final = 20_000
"""Of one row group, and in memory at a time."""
COMPRESSION: Final = "zstd"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(2**63) <= value < 2**63 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e308 else None  # noqa: PLR2004  # a float's range


COLUMNS: Final[Mapping[str, tuple[str, Callable[[object], object]]]] = {
    "seq": ("int64", _count),
    "kind": ("string", _text),
    "at_ms": ("timestamp", _count),
    "received_at_ms": ("timestamp", _count),
    "asset": ("string", _text),
    "source": ("string", _text),
    "device": ("string", _text),
    "metric": ("string", _text),
    "unit": ("string", _text),
    "value": ("float64", _number),
    "reason": ("string", _text),
    "clock": ("int64", _count),
    "n": ("int64", _count),
    "low": ("float64", _number),
    "mean": ("float64", _number),
    "high": ("float64", _number),
    "last": ("float64", _number),
    "audit_seq": ("int64", _count),
}
"""Key of a row -> type of its column, and what of the key's value fits it."""
REST: Final = "rest"
"""The column for all else of a row: a JSON object, null where there is nothing."""


def convert(segment: Path, file: Path, metadata: Mapping[str, str]) -> None:
    """Write a segment's rows to a Parquet file, durably.

    Raises:
        OSError: it could not be done; ``file`` is then not to be used.
    """
    command = [sys.executable, "-m", "gateway.sinks.file_parquet"]
    arguments = [str(segment), str(file), json.dumps(metadata)]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, our own arguments
            [*command, *arguments], capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{file}: not written within {TIMEOUT_S:g} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise OSError(f"{file}: {said or f'the writer ended with {done.returncode}'}")


def columns(row: dict[str, Any]) -> dict[str, object]:
    """A row as the columns have it; nothing of it is lost."""
    cells: dict[str, object] = {}
    for name, (_, fit) in COLUMNS.items():
        given = row.get(name)
        cells[name] = cell = fit(given)
        if cell is not None and cell == given and not isinstance(given, bool):
            del row[name]
    left = {name: value for name, value in row.items() if value is not None}
    cells[REST] = json.dumps(left, ensure_ascii=False, separators=(",", ":")) if left else None
    return cells


def _rows(segment: Path) -> Iterator[dict[str, object]]:
    with gzip.open(segment) as lines:
        for line in lines:
            row = json.loads(line)
            if "seq" in row:  # else a batch's header
                yield columns(row)


def _write(segment: Path, file: Path, metadata: dict[str, str]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    types = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "timestamp": pa.timestamp("ms", "UTC"),
    }
    fields = [(name, types[kind]) for name, (kind, _) in COLUMNS.items()]
    schema = pa.schema([*fields, (REST, pa.string())]).with_metadata(metadata)
    rows = _rows(segment)
    with file.open("wb") as sink:
        with parquet.ParquetWriter(sink, schema, compression=COMPRESSION) as writer:
            while part := list(islice(rows, ROWS)):
                writer.write_table(pa.Table.from_pylist(part, schema))
        sink.flush()
        os.fsync(sink.fileno())


def position(file: Path) -> str:
    """The ``position`` in the metadata of a Parquet file.

    Raises:
        OSError: it cannot be read, or has none.
    """
    from pyarrow import parquet

    told = parquet.read_metadata(file).metadata or {}
    return str(told.get(b"position", b"").decode())


if __name__ == "__main__":
    _write(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
