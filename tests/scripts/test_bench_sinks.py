"""The bench of the sinks works: one small round. What it measures is not tested here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn and starlette")

ROOT = Path(__file__).parents[2]


def test_a_quick_run_prints_each_sink_beside_its_bare_client() -> None:
    words = [sys.executable, "scripts/bench_sinks", "--quick", "--only", "http", "--only", "file"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[3:]]
    assert [row[0] for row in rows] == ["http", "bare", "file", "bare"]
    assert all(float(row[1].replace(",", "")) > 0 for row in rows)
    sizes = [float(size) for row in rows[:2] for size in row[3:]]
    assert all(5 < size < 60 for size in sizes), sizes


def test_every_sink_that_stores_batches_is_measured() -> None:
    measured = re.search(
        r"^BARE = \{(.*?)\}", (ROOT / "scripts/bench_sinks").read_text(), re.DOTALL | re.MULTILINE
    )
    assert measured is not None
    for kind in ("http", "mqtt", "postgres", "nats", "kafka", "file"):
        assert f'"{kind}":' in measured[1]
