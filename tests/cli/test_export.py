"""``edge-gateway export``: one history, three forms."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from tests.fakes.daemon import pump
from tests.fakes.ports import free_port
from tests.store.samples import METRICS, VALUES, open_store, reports, settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "gateway.yaml"
    given = settings(tmp_path)
    made.write_text(pump(free_port(), ("path: gateway.db", f"path: {given.path}")))
    store = open_store(given)
    store.commit(reports(1, 4))
    store.close()
    return made


def exported(file: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["export", "--since", "9999d", "--config", str(file), *words])
    assert result.exit_code == code, result.output
    return result.stdout


def test_the_three_forms_say_the_same(file: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    of_csv = list(csv.DictReader(io.StringIO(exported(file))))
    of_json = list(map(json.loads, exported(file, "--json").splitlines()))
    assert exported(file, "--parquet", str(tmp_path / "out.parquet")) == ""
    of_parquet = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(of_csv) == len(of_json) == len(of_parquet) == 3 * len(METRICS)
    assert [one["value"] for one in of_json] == list(VALUES) * 3
    assert [float(one["value"]) for one in of_csv] == list(VALUES) * 3
    assert [one["value"] for one in of_parquet] == list(VALUES) * 3
    times = [round(one["at_ms"].timestamp() * 1000) for one in of_parquet]
    assert times == [one["at_ms"] for one in of_json]
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_nothing_is_a_file_without_rows(file: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    exported(file, "--since", "2100-01-01T00:00:00Z", "--parquet", str(tmp_path / "out.parquet"))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 0
    assert {"at_ms", "value", "text"} <= set(table.column_names)
