import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.cli.main import main
from gateway.cli.user_file import VARIABLE
from gateway.config.show import MASK, plain
from tests.config.samples import GOOD, written
from tests.fakes.recording import Recording

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gateway/demo/packages/pump-anomaly"
DEMO = ROOT / "gateway/demo/demo.yaml"


class Done(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Gateway = Callable[..., Done]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gateway:
    """The command as a user types it, in this process."""

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["edge-gateway", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Done(int(left.value.code or 0), out, err)

    return run


def lines(text: str, start: str) -> Sequence[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_a_good_file_is_summed_up(gateway: Gateway) -> None:
    done = gateway("check", DEMO)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines(done.stdout, str(DEMO)) == [f"{DEMO}: good"]
    assert "source  lora: chirpstack on local" in done.stdout
    assert "model   pump-anomaly: pump-anomaly 1." in done.stdout
    assert "policy: alarm 3 of 5 -> stop (act)" in done.stdout
    assert "fail-safe: after 30s -> stop (act)" in done.stdout


def test_a_bad_file_exits_2_with_every_problem_and_no_traceback(
    gateway: Gateway, tmp_path: Path
) -> None:
    text = GOOD.replace("mode: act", "mode: atc").replace("metric: power", "metric: powr")
    done = gateway("check", written(tmp_path, text))
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'act'?" in done.stderr
    assert "did you mean 'power'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("2 problems\n")


def test_json_holds_the_same_for_programs(gateway: Gateway, tmp_path: Path) -> None:
    good = json.loads(gateway("check", "--json", written(tmp_path)).stdout)
    assert good["ok"] is True
    assert good["assets"]["pump-7"]["policy"][0] == {
        "when": "alarm", "for": "3 of 5", "do": "stop", "mode": "act",
    }  # fmt: skip
    assert good["sources"]["press"]["filters"] == ["factory/+/plc"]
    assert good["warnings"][0].keys() == {"file", "line", "column", "message", "hint"}
    done = gateway("check", "--json", written(tmp_path, GOOD.replace("do: stop", "do: stp")))
    bad = json.loads(done.stdout)
    assert (done.returncode, bad["ok"]) == (2, False)
    assert [problem["line"] for problem in bad["problems"]] == [37, 39]


def test_a_secret_that_is_not_there_is_a_problem(gateway: Gateway, tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "ttn.secret").unlink()
    done = gateway("check", file)
    assert done.returncode == 2
    assert f"{file}:4:" in done.stderr
    assert "No such file" in done.stderr
    (tmp_path / "ttn.secret").write_text("\n")
    assert "is empty" in gateway("check", file).stderr


def test_a_secret_that_everybody_can_read_is_a_warning(gateway: Gateway, tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "ttn.secret").chmod(0o644)
    done = gateway("check", file)
    assert done.returncode == 0
    assert "everybody on this machine can read it" in done.stdout


@pytest.mark.parametrize(
    ("place", "says"),
    [("ttn.secret/gateway.db", "is not a directory"), (".", "is a directory; name a file in it")],
)
def test_a_store_that_cannot_be_made_is_a_problem(
    gateway: Gateway, tmp_path: Path, place: str, says: str
) -> None:
    done = gateway(
        "check", written(tmp_path, GOOD.replace("store: {", f"store: {{path: {place}, "))
    )
    assert done.returncode == 2
    assert says in done.stderr


def test_a_package_whose_bytes_changed_is_a_problem(gateway: Gateway, tmp_path: Path) -> None:
    package = tmp_path / "pump"
    package.mkdir()
    for file in (ROOT / "gateway/demo/packages/pump-anomaly").iterdir():
        (package / file.name).write_bytes(file.read_bytes())
    text = DEMO.read_text("utf-8").replace("packages/pump-anomaly", str(package))
    assert gateway("check", written(tmp_path, text)).returncode == 0
    with (package / "model.onnx").open("ab") as model:
        model.write(b"\0")
    done = gateway("check", written(tmp_path, text))
    assert done.returncode == 2
    assert "model.onnx" in done.stderr


WARNINGS = [
    (GOOD.replace("        proof: {metric: power, below: 5, within: 30s}\n", ""), "no proof"),
    (GOOD, "no availability"),
    (
        GOOD.replace("log: {", f"models: {{wear: {{package: {PACKAGE}}}}}\nlog: {{"),
        "no asset asks",
    ),
    (GOOD.replace("tls: true, ", ""), "crosses the network in clear"),
    (
        GOOD.replace("sources:\n", "sources:\n  t: {bridge: tasmota, broker: ttn}\n"),
        "no asset uses",
    ),
    (GOOD[: GOOD.index("    policy:")] + "log: {level: info}\n", "nothing follows"),
]


@pytest.mark.parametrize(("text", "says"), WARNINGS)
def test_what_may_be_meant_otherwise_is_a_warning(
    gateway: Gateway, tmp_path: Path, text: str, says: str
) -> None:
    done = gateway("check", written(tmp_path, text))
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_check_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["onnxruntime", "numpy", "paho", "sqlite_utils", "asyncio", "structlog", "starlette"]
    code = (
        "import sys; from gateway.cli.check import command\n"
        f"command([{str(DEMO)!r}], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_that_is_not_there_is_one_line(gateway: Gateway, tmp_path: Path) -> None:
    done = gateway("check", tmp_path / "absent.yaml")
    assert done.returncode == 2
    told = done.stderr.splitlines()[0]
    assert "absent.yaml: cannot be read: No such file or directory; edge-gateway init " in told
    assert VARIABLE in told


def test_the_schema_and_the_reference_are_printed(gateway: Gateway) -> None:
    assert json.loads(gateway("config", "schema").stdout)["$schema"].startswith("https://json-sch")
    assert gateway("config", "reference").stdout.startswith("# Configuration\n")


def test_show_prints_what_a_file_comes_to(gateway: Gateway, tmp_path: Path) -> None:
    shown = json.loads(gateway("config", "show", "--json", written(tmp_path)).stdout)
    assert shown["brokers"]["ttn"]["port"] == 8883
    assert shown["assets"]["pump-7"]["metrics"]["note"]["stale"] == "15m"
    assert shown["assets"]["pump-7"]["ladder"][1]["expression"] == "pressure < 1"
    assert shown["store"]["keep"] == {"readings": "90d", "decisions": "2y"}
    assert "stale: 15m" in gateway("config", "show", written(tmp_path)).stdout


def test_show_never_prints_a_secret(gateway: Gateway, tmp_path: Path) -> None:
    done = gateway("config", "show", written(tmp_path))
    assert "secret\n" not in done.stdout.replace("ttn.secret\n", "")


@dataclass
class Plugged:
    """The settings of a plug-in that declares a secret by value, which ours never do."""

    api_key: str = "hush"
    url: str = "https://cloud.example"


def test_show_masks_what_a_plug_in_calls_a_secret() -> None:
    assert plain(Plugged()) == {"api_key": MASK, "url": "https://cloud.example"}


def test_the_program_itself_exits_2_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", str(written(tmp_path, "gateway: {id: a b}\n"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_sensor_that_may_be_silent_longer_than_its_model_waits_is_a_warning(
    gateway: Gateway, tmp_path: Path
) -> None:
    text = DEMO.read_text().replace("stale: 6s", "stale: 15m")
    text = text.replace("packages/pump-anomaly", str(PACKAGE))
    (tmp_path / "slow.yaml").write_text(text)
    done = gateway("check", tmp_path / "slow.yaml")
    assert done.returncode == 0
    assert "'flow' may be silent for 15m, and channel 'flow' of model 'pump-anomaly'" in done.stdout
    assert "may be silent" not in gateway("check", DEMO).stdout


PUMP = f"""
gateway: {{id: here}}
brokers: {{local: {{host: localhost}}}}
sources: {{plc: {{bridge: json, broker: local, topic: "plant/{{device}}"}}}}
store: {{path: gateway.db, min_free_bytes: 1MiB}}
models: {{shipped: {{package: {PACKAGE}}}}}
assets:
  pump:
    metrics:
      power: {{from: plc/pump, unit: W}}
      flow: {{from: plc/pump, unit: l/min}}
      temperature: {{from: plc/probe, unit: degC}}
      vibration: {{from: plc/pump, unit: mm/s}}
    verdicts: [{{model: shipped}}]
"""


def test_a_sensor_that_was_stored_more_seldom_than_its_model_waits_is_a_warning(
    gateway: Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(PUMP)
    assert "as stored" not in gateway("check", file).stdout
    with Recording(file) as recording:
        for second in range(0, 300, 2):
            recording.tell(second, power=500.0 + second, flow=100.0, vibration=1.5)
        for second in range(0, 300, 20):
            recording.tell(second + 0.5, temperature=48.0)
    done = gateway("check", file)
    assert done.returncode == 0
    assert (
        "'temperature' came every 20s as stored, and channel 'temperature' of model 'shipped' gives"
        " up on a value after 5s: it never answers; let the sensor of metric 'temperature' report"
        " every 5s or more often"
    ) in done.stdout
    assert done.stdout.count("as stored") == 1
