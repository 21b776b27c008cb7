"""``edge-gateway calibrate`` against a running daemon: shown, redone, reset, kept."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.main import cli
from gateway.config import BadFileError
from gateway.core import times
from gateway.core.times import rfc3339
from gateway.errors import BrokerError
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

NEAR = (20.0, 21.0, 22.0)


def package(folder: Path) -> None:
    """The mean temperature of two rows of 50 ms, in standard deviations of this asset."""
    nodes = [make.node("ReduceMean", "window rows", "score", keepdims=0)]
    model = make.model(nodes, [make.tensor("rows", [1], np.int64)], window=("n", 2, 1))
    channel = {"name": "temperature", "unit": "degC", "max_age_s": 600}
    dims = {"period_s": 0.05, "window": 2, "min_coverage": 0}
    make.write(
        folder / "package",
        make.Recipe(model, rows=2, channels=1, levels=[{"label": "alarm", "on": 9.0, "off": 8.0}]),
        input={"tensor": "window", "layout": "n,t,c", "channels": [channel], **dims},
        calibration={"per_asset": "mean_sd", "rows": 100_000},
    )


def test_a_calibration_is_shown_redone_reset_and_kept(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    package(tmp_path)
    text = pump(
        broker.port,
        ("verdicts:\n", "verdicts:\n      - {model: heat}\n"),
        ("log: {", "models: {heat: {package: package}}\nlog: {"),
    )
    with Daemon(tmp_path, text) as daemon:

        def calibrate(*options: str) -> dict[str, object]:
            words = ["calibrate", "pump", "--json", "--config", str(daemon.file), *options]
            result = CliRunner().invoke(cli, words, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return json.loads(result.output)["calibrations"]["heat"]

        def refused(*options: str) -> str:
            with pytest.raises(BrokerError) as caught:
                calibrate(*options)
            return str(caught.value)

        zigbee.online()
        assert "0 whole rows are stored" in refused() or "nothing was stored" in refused()
        with zigbee.talking("probe", 0.06, temperature=NEAR):
            wait_until(lambda: len(daemon.values("temperature")) >= 60, "sixty values")
            wait_until(lambda: calibrate("--show")["seen"] >= 30, "thirty rows")  # type: ignore[operator]
        first = calibrate("--show")
        assert (first["number"], first["ready"], first["source"]) == (1, False, "first rows")
        made = calibrate("--rows", "25")
        assert (made["number"], made["ready"], made["rows"]) == (2, True, 25)
        assert made["channels"]["temperature"]["mean"] == pytest.approx(21, abs=0.5)  # type: ignore[index]
        with zigbee.talking("probe", 0.06, temperature=NEAR):
            judged = lambda: zigbee.newest("asset/pump/state")["rung"] == "model:heat"
            wait_until(judged, "the model judges")
        shown = zigbee.newest("asset/pump/state")["calibrations"]["heat"]
        assert (shown["number"], shown["source"]) == (2, "last 25 rows")
        times = ("--from", "2020-01-01T00:00:00Z", "--to", "2020-02-01T00:00:00Z")
        assert "0 whole rows are stored of that time" in refused(*times)
        assert "no asset" in refused_for(daemon, "nobody")
        assert "is calibrated on pump: heat" in refused("--model", "other")
        daemon.stop()
        daemon.start()
        again = calibrate("--show")
        assert {**again, "at_ms": 0} == {**made, "at_ms": 0}
        reset = calibrate("--reset")
        assert (reset["number"], reset["ready"], reset["seen"]) == (3, False, 0)
        assert daemon.logged("model_calibrated")


def refused_for(daemon: Daemon, asset: str) -> str:
    words = ["calibrate", asset, "--config", str(daemon.file)]
    with pytest.raises(BrokerError) as caught:
        CliRunner().invoke(cli, words, catch_exceptions=False)
    return str(caught.value)


def test_from_without_to_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["calibrate", "pump", "--from", "2026-01-01T00:00:00Z"])
    assert result.exit_code == 2
    assert "--from and --to" in result.output


def test_a_period_of_the_file_is_learnt_once_shown_and_not_asked_for_again(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    package(tmp_path)

    def text(calibrate: str = "") -> str:
        return pump(
            broker.port,
            ("verdicts:\n", f"verdicts:\n      - {{model: heat{calibrate}}}\n"),
            ("log: {", "models: {heat: {package: package}}\nlog: {"),
        )

    def asked(*options: str) -> str:
        words = ["calibrate", *options, "--config", str(tmp_path / "gateway.yaml")]
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    with Daemon(tmp_path, text()) as daemon:
        zigbee.online()
        since = rfc3339(time.time_ns() // 1_000_000)

        def rows() -> int:
            answer = json.loads(asked("--json"))["calibrations"]
            return int(answer[0]["seen"])

        with zigbee.talking("probe", 0.06, temperature=NEAR):
            wait_until(lambda: rows() >= 40, "forty rows")
        until = rfc3339(time.time_ns() // 1_000_000)
        wait_until(lambda: time.time_ns() // 1_000_000 > times.parse(until, "iso8601"), "passed")
        zigbee.tell("probe", temperature=60.0)
        wait_until(lambda: daemon.values("temperature")[-1:] == [60.0], "another time")
        daemon.stop()
        daemon.file.write_text(text(f", calibrate: {{from: {since}, to: {until}}}"))
        daemon.start()
        wait_until(lambda: daemon.logged("model_calibrated"), "it is learnt")
        source = f"{since} to {until}"
        (one,) = json.loads(asked("--json"))["calibrations"]
        assert (one["asset"], one["model"], one["number"]) == ("pump", "heat", 2)
        assert (one["ready"], one["source"], one["error"]) == (True, source, None)
        learnt = json.loads(asked("pump", "--show", "--json"))["calibrations"]["heat"]
        assert learnt["channels"]["temperature"]["mean"] == pytest.approx(21, abs=0.6)
        assert source in asked()
        with zigbee.talking("probe", 0.06, temperature=NEAR):
            judged = lambda: zigbee.newest("asset/pump/state")["rung"] == "model:heat"
            wait_until(judged, "the model judges")
        asked("pump", "--rows", "25")
        daemon.stop()
        zigbee.peer.heard.clear()
        daemon.start()
        wait_until(lambda: zigbee.newest("health").get("calibrations"), "health")
        (shown,) = zigbee.newest("health")["calibrations"]
        assert (shown["number"], shown["source"]) == (3, "last 25 rows")
        assert [line["number"] for line in daemon.logged("model_calibrated")] == [2, 3]


def test_a_period_with_too_few_rows_is_said_at_its_place_and_nothing_else_is_learnt(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    package(tmp_path)
    period = "calibrate: {from: 2020-01-01T00:00:00Z, to: 2020-01-02T00:00:00Z}"
    text = pump(
        broker.port,
        ("verdicts:\n", f"verdicts:\n      - {{model: heat, {period}}}\n"),
        ("log: {", "models: {heat: {package: package}}\nlog: {"),
    )
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        wait_until(lambda: daemon.logged("calibration_failed"), "it cannot be learnt")
        (failed,) = daemon.logged("calibration_failed")
        assert failed["place"] == "assets.pump.verdicts[0].calibrate"
        assert "stored" in failed["error"]
        wait_until(
            lambda: any(
                failed["place"] in line for line in zigbee.newest("health").get("problems", ())
            ),
            "health says so",
        )
        wait_until(lambda: zigbee.newest("health")["calibrations"][0]["error"], "and where")
        for number in range(30):
            zigbee.tell("probe", temperature=20.0 + number % 3)
        sql = "SELECT n FROM counter WHERE scope = 'model:heat' AND reason = 'calibrating'"
        wait_until(lambda: daemon.rows(sql), "it abstains")
        assert zigbee.newest("asset/pump/state")["rung"] == "rule:2"
        assert zigbee.newest("health")["calibrations"][0]["seen"] == 0


@pytest.mark.parametrize(
    ("period", "problem"),
    [
        ("{from: 2026-01-02T00:00:00Z, to: 2026-01-01T00:00:00Z}", "'to' is not after 'from'"),
        ("{from: yesterday, to: 2026-01-01T00:00:00Z}", "not a time: 'yesterday'"),
        ("{from: 2026-01-01T00:00:00, to: 2026-01-02T00:00:00Z}", "a time with its zone"),
        ("{from: 2026-01-01T00:00:00Z}", "'to' is missing"),
    ],
)
def test_a_period_that_is_none_is_refused_at_its_place(
    tmp_path: Path, period: str, problem: str
) -> None:
    package(tmp_path)
    text = pump(
        1883,
        ("verdicts:\n", f"verdicts:\n      - {{model: heat, calibrate: {period}}}\n"),
        ("log: {", "models: {heat: {package: package}}\nlog: {"),
    )
    (tmp_path / "gateway.yaml").write_text(text)
    with pytest.raises(BadFileError) as caught:
        config.load(tmp_path / "gateway.yaml")
    (found,) = caught.value.problems
    assert problem in found.message
    assert text.splitlines()[found.line - 1].strip().startswith("- {model: heat")


def test_a_period_for_a_model_that_is_not_calibrated_is_refused(tmp_path: Path) -> None:
    make.write(tmp_path / "package", make.linear())
    period = "calibrate: {from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z}"
    text = pump(
        1883,
        ("verdicts:\n", f"verdicts:\n      - {{model: heat, {period}}}\n"),
        ("log: {", "models: {heat: {package: package}}\nlog: {"),
    )
    (tmp_path / "gateway.yaml").write_text(text)
    with pytest.raises(BadFileError) as caught:
        config.load(tmp_path / "gateway.yaml")
    assert any("'heat' is not calibrated per asset" in str(one) for one in caught.value.problems)
