"""A process that sends to a folder until it is killed, and what is in such a folder."""

import gzip
import json
import sys
from pathlib import Path

from pyarrow import parquet

from gateway.core.batches import Row, Stream, pack
from gateway.sinks import file, file_folder


def rows_of(root: Path, stream: Stream) -> list[Row]:
    """What is in the folder of a stream, the closed segments first."""
    folder = file_folder.of(root, stream)
    found: list[Row] = []
    for _, _, path in file_folder.closed(folder):
        found += _parquet(path) if path.suffix == ".parquet" else _lines(path)
    left = folder / "open.jsonl.gz"
    return [*found, *(_lines(left) if left.exists() else ())]


def _lines(path: Path) -> list[Row]:
    with gzip.open(path) as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if "seq" in row]


def _parquet(path: Path) -> list[Row]:
    rows = []
    for cells in parquet.read_table(path).to_pylist():
        for name in ("at_ms", "received_at_ms"):
            if cells[name] is not None:
                cells[name] = round(cells[name].timestamp() * 1000)
        rest = json.loads(cells.pop("rest") or "{}")
        rows.append({**cells, **rest})
    return rows


def _send(folder: str, settings: str, *words: str) -> None:
    stream = Stream(*words)
    sink = file.Sink(file.Settings(folder, min_free_bytes=0, **json.loads(settings)), stream)
    at = sink.cursor()
    while True:
        rows = [
            {"kind": "reading", "at_ms": 1_766_000_000_000 + n, "value": n / 7} for n in range(5)
        ]
        at = sink.send(pack(stream, at.seq, rows, f"report:{at.seq + 5}")).cursor
        sys.stdout.write(f"{at.seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _send(*sys.argv[1:])
