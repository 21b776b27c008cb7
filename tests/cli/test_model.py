"""``edge-gateway model``: each subcommand as a user types it, on a real package."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.cli.model import COMMANDS
from gateway.errors import GatewayError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "gateway/demo/packages/pump-anomaly"


def model(*words: str | Path, typed: str | None = None) -> Result:
    result = CliRunner().invoke(cli, ["model", *map(str, words)], input=typed)
    if isinstance(result.exception, GatewayError):
        raise result.exception
    return result


def good(*words: str | Path, typed: str | None = None) -> str:
    result = model(*words, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def package(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "pump")
    return tmp_path / "pump"


def test_a_key_a_signature_and_a_tar_from_first_to_last(package: Path, tmp_path: Path) -> None:
    said = good("keygen", tmp_path / "plant")
    assert "keep it off the gateways" in said
    good("sign", package, "--key", tmp_path / "plant.key")
    trusting = ("--trust", tmp_path / "plant.pub")
    assert "signed by ed25519:" in good("verify", package, *trusting)
    assert "bytes" in good("pack", package, tmp_path / "pump.tar")
    assert "signed by ed25519:" in good("verify", tmp_path / "pump.tar", *trusting)


def test_a_tar_can_be_signed_too(package: Path, tmp_path: Path) -> None:
    good("keygen", tmp_path / "plant")
    good("pack", package, tmp_path / "pump.tar")
    good("sign", tmp_path / "pump.tar", "--key", tmp_path / "plant.key")
    good("verify", tmp_path / "pump.tar", "--trust", tmp_path / "plant.pub")


def test_verify_can_run_the_golden_vectors(package: Path, tmp_path: Path) -> None:
    good("keygen", tmp_path / "plant")
    good("sign", package, "--key", tmp_path / "plant.key")
    good("pack", package, tmp_path / "pump.tar")
    said = good("verify", tmp_path / "pump.tar", "--run", "--trust", tmp_path / "plant.pub")
    assert "golden vectors reproduced by onnxruntime" in said


def test_a_refused_package_says_why(package: Path, tmp_path: Path) -> None:
    good("keygen", tmp_path / "plant")
    with pytest.raises(GatewayError, match=r"manifest\.sig: expected a signature"):
        model("verify", package, "--trust", tmp_path / "plant.pub")
    manifest = json.loads((package / "manifest.json").read_text())
    (package / "manifest.json").write_text(json.dumps(manifest | {"licence": ""}))
    with pytest.raises(GatewayError, match="licence: expected at least 1 characters"):
        model("verify", package)


def test_keys_are_not_written_over(tmp_path: Path) -> None:
    good("keygen", tmp_path / "plant")
    result = model("keygen", tmp_path / "plant")
    assert result.exit_code == 1
    assert "File exists" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_explains_itself(command: str) -> None:
    assert "Usage: " in good(command, "--help")


def test_show_is_the_contract_for_people_and_for_programs(package: Path) -> None:
    page = good("show", package)
    assert "flow [l/min]  required, 0 to 500, held for 5s" in page
    assert "window   8 rows, one every 1s: 8s" in page
    assert "alarm  on 1, off 0.8" in page
    document = json.loads(good("show", package, "--json"))
    assert document["manifest"]["id"] == "pump-anomaly"
    assert document["signed"] is False


def test_bench_measures_each_batch_size_in_a_real_worker(package: Path) -> None:
    found = json.loads(good("bench", package, "--seconds", "0.01", "--json"))
    assert [row["batch"] for row in found["batches"]] == [1, 8, 64]
    assert all(row["median_us"] > 0 for row in found["batches"])
    assert found["memory"]["with_model_mb"] >= found["memory"]["worker_mb"] > 1
    assert "us_per_window" in good("bench", package, "--seconds", "0.01")


def test_stress_says_the_same_each_time(package: Path) -> None:
    found = json.loads(good("stress", package, "--json"))
    assert found == json.loads(good("stress", package, "--json"))
    assert [row["disturbance"] for row in found["effects"]] == [
        "noise", "dropout", "bias", "spoof",
    ]  # fmt: skip
    assert all(0 <= row["labels_kept"] <= 1 for row in found["effects"])
    assert found["effects"][2]["score_change_max"] > found["effects"][0]["score_change_mean"] > 0


def test_stress_takes_a_user_s_table_and_writes_text_for_the_card(
    package: Path, tmp_path: Path
) -> None:
    table = tmp_path / "day.csv"
    rows = [f"{number},10,{700 + number % 7},30,45,2.5" for number in range(20)]
    table.write_text("\n".join(["time,x,power,flow,temperature,vibration", *rows]))
    card = good("stress", package, "--windows", table, "--card")
    assert "13 windows" in card
    assert "| one channel says what is usual |" in card
    table.write_text("power,flow\n1,2\n")
    result = model("stress", package, "--windows", table)
    assert "no column temperature, vibration" in result.output
