"""``edge-gateway model``: each subcommand as a user types it, on a real package."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import cli
from gateway.cli.model import COMMANDS
from gateway.errors import GatewayError
from tests.models import make

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


def test_the_schema_is_printed_and_names_every_key_of_a_shipped_manifest(package: Path) -> None:
    schema = json.loads(good("schema"))
    manifest = json.loads((package / "manifest.json").read_text())
    assert manifest.keys() <= schema["properties"].keys()
    assert set(schema["required"]) <= manifest.keys()


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
        "none", "noise", "dropout", "bias", "spoof",
    ]  # fmt: skip
    nothing, noise, _, bias, _ = found["effects"]
    assert (nothing["score_change_max"], nothing["labels_kept"]) == (0, 1)
    assert all(0 <= row["labels_kept"] <= 1 for row in found["effects"])
    assert bias["score_change_max"] > noise["score_change_mean"] > 0
    assert all(row["accuracy"] is None for row in found["effects"])


def test_stress_counts_right_answers_where_the_truth_is_told(package: Path, tmp_path: Path) -> None:
    golden = json.loads((package / "golden.json").read_text())["windows"]
    file = tmp_path / "windows.json"
    for label, share in (("normal", 1), ("nonsense", 0)):
        file.write_text(json.dumps({"windows": golden[:1], "labels": [label]}))
        found = json.loads(good("stress", package, "--windows", file, "--json"))
        assert found["effects"][0]["accuracy"] == share
    file.write_text(json.dumps({"windows": golden[:1], "labels": ["normal", "alarm"]}))
    assert "2 labels for 1 window" in model("stress", package, "--windows", file).output


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


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX files as an exporter leaves them."""
    root = tmp_path_factory.mktemp("graphs")
    for kind in ("autoencoder", "mlp", "trees"):
        (root / f"{kind}.onnx").write_bytes(make.KINDS[kind]().model.SerializeToString())
    wide = [make.weights("w1", 36, 256), make.weights("b1", 256)]
    nodes = [make.node("Gemm", "window w1 b1", "h"), make.node("Relu", "h", "r")]
    tail, more = make.flat_tail("r", 256)
    big = make.model([*nodes, *tail], [*wide, *more], window=("n", 36))
    (root / "wide.onnx").write_bytes(big.SerializeToString())
    return root


CHANNELS = ("--channel", "a:W", "--channel", "b:l/min:0:10", "--channel", "c:degC")
REST = ("--period", "1s", "--id", "mine", "--licence", "MIT")


def test_new_makes_a_package_that_the_worker_has_proven(graphs: Path, tmp_path: Path) -> None:
    out = tmp_path / "ae"
    said = good("new", graphs / "autoencoder.onnx", out, *CHANNELS, *REST, "--level", "alarm:2:1")
    assert "mine 1.0.0, proven in a worker" in said
    manifest = json.loads((out / "manifest.json").read_text())
    assert [output["meaning"] for output in manifest["outputs"]] == ["score", "residuals"]
    assert manifest["input"]["channels"][1] == {"name": "b", "unit": "l/min", "range": [0, 10]}
    assert manifest["provenance"] == {"golden": "drawn at random"}


def test_new_asks_for_what_the_graph_does_not_tell(graphs: Path, tmp_path: Path) -> None:
    answers = "3\na:W\nb:W\nc:W\n2s\n\nwarn:0.5\n\n"
    said = good("new", graphs / "mlp.onnx", tmp_path / "mlp", typed=answers)
    assert "Channel 3 of 3" in said
    manifest = json.loads((tmp_path / "mlp/manifest.json").read_text())
    assert (manifest["id"], manifest["input"]["period_s"], manifest["input"]["window"]) == (
        "mlp", 2.0, 12,
    )  # fmt: skip


def test_new_asks_again_where_an_answer_cannot_be_taken(graphs: Path, tmp_path: Path) -> None:
    slips = "3\na:W\nb:W:1\nb:W:1:2\nc:W\nsoon\n2s\nMy Pump\nmy-pump\nwarn\nwarn:0.5\n\n"
    said = good("new", graphs / "mlp.onnx", tmp_path / "mlp", typed=slips)
    assert said.count("Error: ") == 4
    assert "'b:W:1' is not NAME:UNIT or NAME:UNIT:LOW:HIGH" in said
    assert json.loads((tmp_path / "mlp/manifest.json").read_text())["id"] == "my-pump"


def test_new_begins_a_card_and_seal_takes_what_was_written_into_it(
    graphs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ae"
    good("new", graphs / "autoencoder.onnx", out, *CHANNELS, *REST, "--level", "alarm:2:1")
    card = out / "MODEL_CARD.md"
    assert "**Input**: `a` [W], `b` [l/min], `c` [degC]." in card.read_text()
    assert "TO DO: what it was trained on" in card.read_text()
    good("keygen", tmp_path / "me")
    good("sign", out, "--key", tmp_path / "me.key")
    card.write_text(card.read_text().replace("TO DO", "known"))
    with pytest.raises(GatewayError, match=r"MODEL_CARD\.md"):
        model("verify", out)
    assert "its signature is gone" in good("seal", out)
    assert "good: mine 1.0.0" in good("verify", out, "--run")


def test_seal_leaves_a_package_that_would_be_refused_as_it_was(package: Path) -> None:
    before = (package / "manifest.json").read_bytes()
    golden = package / "golden.json"
    golden.write_text(golden.read_text().replace("[[", "[[1e9, ", 1))
    with pytest.raises(GatewayError):
        model("seal", package)
    assert (package / "manifest.json").read_bytes() == before


def test_show_says_when_a_model_does_not_answer_and_how_it_is_explained() -> None:
    said = good("show", SHIPPED.parent / "turbofan-rul")
    assert "interval score ± " in said
    assert "abstains when more than " in said
    assert "dead when flat for " in said
    assert "explains by " in said


def test_new_knows_a_classifier_with_integer_labels(graphs: Path, tmp_path: Path) -> None:
    table = tmp_path / "day.csv"
    table.write_text("a,b,c\n0.1,1,2\n0.9,1,2\n0.4,1,2\n")
    labels = ("--label", "healthy", "--label", "worn", "--label", "broken", "--level", "worn:0.5")
    out = tmp_path / "trees"
    good("new", graphs / "trees.onnx", out, *CHANNELS, *REST, *labels, "--windows", table)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["task"] == "class"
    assert [one["meaning"] for one in manifest["outputs"]] == ["label", "probabilities"]
    assert len(json.loads((out / "golden.json").read_text())["windows"]) == 3


def test_new_leaves_nothing_behind_when_the_package_would_be_refused(
    graphs: Path, tmp_path: Path
) -> None:
    levels = ("--level", "alarm:1", "--level", "alarm:2")
    with pytest.raises(GatewayError, match="'alarm' twice"):
        model("new", graphs / "autoencoder.onnx", tmp_path / "ae", *CHANNELS, *REST, *levels)
    assert not (tmp_path / "ae").exists()
    with pytest.raises(GatewayError, match="takes 3 channels, 1 were named"):
        model("new", graphs / "autoencoder.onnx", tmp_path / "ae", *CHANNELS[:2], *REST)
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(GatewayError, match="not an ONNX model"):
        model("new", tmp_path / "text.onnx", tmp_path / "ae")


def test_quantize_claims_only_the_gains_that_it_measured(graphs: Path, tmp_path: Path) -> None:
    for kind in ("wide", "mlp"):
        graph = graphs / f"{kind}.onnx"
        good("new", graph, tmp_path / kind, *CHANNELS, *REST, "--level", "alarm:0.8")
    said = good("quantize", tmp_path / "wide", tmp_path / "small", "--method", "dynamic")
    assert "size: smaller, 0." in said
    assert "8 golden labels kept" in said
    assert "latency: " in said
    good("verify", tmp_path / "small", "--run")
    assert '"version": "1.0.0+int8.dynamic"' in (tmp_path / "small/manifest.json").read_text()
    said = good("quantize", tmp_path / "mlp", tmp_path / "larger", "--method", "static")
    assert "size: no gain measured (" in said


def test_new_makes_a_package_that_takes_a_signal(tmp_path: Path) -> None:
    bearing = ROOT / "gateway/demo/packages/bearing-vibration/model.onnx"
    flags = {
        "--features": "vibration", "--rate": "12 kHz", "--envelope": "1500:5500",
        "--speed": "speed", "--window": "4096", "--period": "10m", "--level": "alarm:0.9:0.5",
        "--licence": "MIT",
        "--id": "bearing",
    }  # fmt: skip
    lists = {
        "--channel": ("acceleration:m/s2", "speed:rpm:600:3000"),
        "--band": ("0:500", "500:1500", "1500:3000", "3000:4500", "4500:6000"),
        "--order": ("1", "3.5848", "5.4152", "4.7135"),
        "--label": ("healthy", "damaged"),
    }
    words = [word for pair in flags.items() for word in pair]
    words += [word for flag, values in lists.items() for one in values for word in (flag, one)]
    assert "proven in a worker" in good("new", bearing, tmp_path / "made", *words)
    shown = good("show", tmp_path / "made")
    assert "one block of 4096 samples" in shown
    assert "acceleration [m/s2]  a signal of 12000 Hz, required, held as its metric says" in shown
    manifest = json.loads((tmp_path / "made/manifest.json").read_text())["input"]
    assert manifest["channels"][0]["signal"] == {"rate_hz": 12_000}
    assert "signal" not in manifest["channels"][1]
    assert manifest["vibration"]["orders"] == [1, 3.5848, 5.4152, 4.7135]


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [("--rate", "quick", "not a frequency"), ("--band", "500", "is not FROM:TO")],
)
def test_new_says_what_is_wrong_with_a_setting_of_vibration(
    tmp_path: Path, flag: str, value: str, why: str
) -> None:
    bearing = ROOT / "gateway/demo/packages/bearing-vibration/model.onnx"
    words = ["--features", "vibration", "--channel", "a:g", "--window", "64", "--period", "1s"]
    if flag != "--rate":
        words += ["--rate", "1000"]
    result = model("new", bearing, tmp_path / "made", *words, flag, value)
    assert (result.exit_code, why in result.output) == (2, True)
