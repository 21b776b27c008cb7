"""``edge-gateway calibrate`` against a running daemon: shown, redone, reset, kept."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.errors import BrokerError
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make


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
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    package(tmp_path)
    broker = make_broker().start()
    text = pump(
        broker.port,
        ("verdicts:\n", "verdicts:\n      - {model: heat}\n"),
        ("log: {", "models: {heat: {package: package}}\nlog: {"),
    )
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, text) as daemon:

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
        near = itertools.cycle((20.0, 21.0, 22.0))
        wait_until(
            lambda: (
                zigbee.tell("probe", temperature=next(near))
                or (calibrate("--show")["seen"] >= 30 and len(daemon.values("temperature")) >= 60)  # type: ignore[operator]
            ),
            "thirty rows",
            60,
        )
        first = calibrate("--show")
        assert (first["number"], first["ready"], first["source"]) == (1, False, "first rows")
        made = calibrate("--rows", "25")
        assert (made["number"], made["ready"], made["rows"]) == (2, True, 25)
        assert made["channels"]["temperature"]["mean"] == pytest.approx(21, abs=0.5)  # type: ignore[index]
        wait_until(
            lambda: (
                zigbee.tell("probe", temperature=next(near))
                or zigbee.newest("asset/pump/state").get("rung") == "model:heat"
            ),
            "the model judges",
            30,
        )
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
