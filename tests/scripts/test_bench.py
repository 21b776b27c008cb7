"""The bench works: one small round prints every row. What it measures is not tested here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmark import plant, table
from scripts.benchmark.cases import CASES

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None
    or shutil.which("mosquitto_sub") is None,
    reason="needs mosquitto and mosquitto-clients",
)
def test_a_quick_run_prints_every_row(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    words = [sys.executable, "scripts/bench", "--quick", "--json", str(figures)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    for row in table.ROWS:
        assert any(line.startswith(row.name) for line in done.stdout.splitlines())
    assert "not measured" not in done.stdout
    rounds = json.loads(figures.read_text("utf-8"))
    assert set(rounds) == set(CASES)
    assert rounds["daemon"][0]["lost"] == 0
    assert rounds["rule"][0]["answered"]
    assert not rounds["rule"][0]["unanswered"]


def test_every_payload_has_the_size_that_the_bench_states() -> None:
    numbers = range(0, 40_000, 7)
    sizes = {len(plant.payload(number, plant.NOW_AND_THEN)) for number in numbers}
    assert sizes == {plant.PAYLOAD_BYTES}


def test_a_row_compares_its_median_with_its_bar() -> None:
    row = table.Row("latency", table.figure("rule", "p50_ms"), at_most=5)
    assert row.line({"rule": [{"p50_ms": 4.0}, {"p50_ms": 9.0}, {"p50_ms": 5.0}]}).endswith("met")
    assert row.line({"rule": [{"p50_ms": 6.0}]}).endswith("MISSED")
    assert row.line({}).endswith("not measured")
