"""A pump that stands still is neither faulty nor well: the declared ``running`` rule."""

import json
from pathlib import Path

import numpy as np

from tests.fakes.daemon import Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import package

CHANGES = (
    ("    verdicts:\n", "    running: power > 50\n    verdicts:\n      - {model: heat}\n"),
    ("log: {", "models: {heat: {package: heat}}\nlog: {"),
)


def test_a_pump_that_the_gateway_stopped_keeps_its_alert_until_it_runs_and_is_well(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0", 40.0)  # its level is below that of the rule
    with Daemon(tmp_path, pump(zigbee.port, *CHANGES)) as daemon:
        zigbee.online()

        def state(key: str) -> object:
            return zigbee.newest("asset/pump/state").get(key)

        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: state("rung") == "model:heat", "unknown: the model is asked")
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=60.0)
        wait_until(lambda: state("alert"), "the alert")
        zigbee.obey()
        wait_until(lambda: state("label") == "idle", "the pump stands still")
        assert (state("rung"), state("abstained")) == ("running", {"model:heat": "idle"})
        for degrees in (50.0, 40.0, 30.0, 20.0):  # it cools down, which proves nothing
            zigbee.tell("probe", temperature=degrees)
        wait_until(lambda: daemon.values("temperature")[-1:] == [20.0], "it is cool")
        sql = "SELECT event FROM decision ORDER BY id"
        assert daemon.rows(sql) == [("raised",)]
        assert (state("label"), state("alert")) == ("idle", True)
        zigbee.tell("plug", state="ON", power=1400.0)
        wait_until(lambda: state("label") == "normal", "it runs, and is well")
        wait_until(lambda: daemon.rows(sql) == [("raised",), ("cleared",)], "it is cleared")
        assert len(zigbee.orders) == 1
        assert daemon.stop() == 0


def test_a_rule_still_fires_while_the_machine_stands_still(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "heat", "1.0.0", 200.0)
    with Daemon(tmp_path, pump(zigbee.port, *CHANGES)):
        zigbee.online()
        zigbee.tell("plug", state="ON", power=0.0)
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: zigbee.newest("asset/pump/state").get("label") == "idle", "idle")
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: zigbee.newest("asset/pump/state").get("label") == "alarm", "the rule")
        assert zigbee.newest("asset/pump/state")["rung"] == "rule:2"


def test_nothing_is_learnt_of_a_machine_that_stands_still(tmp_path: Path, zigbee: Zigbee) -> None:
    nodes = [make.node("ReduceMean", "window rows", "score", keepdims=0)]
    model = make.model(nodes, [make.tensor("rows", [1], np.int64)], window=("n", 2, 1))
    channel = {"name": "temperature", "unit": "degC", "max_age_s": 600}
    dims = {"period_s": 0.02, "window": 2, "min_coverage": 0}
    make.write(
        tmp_path / "heat",
        make.Recipe(model, rows=2, channels=1, levels=[{"label": "alarm", "on": 9.0, "off": 8.0}]),
        input={"tensor": "window", "layout": "n,t,c", "channels": [channel], **dims},
        calibration={"per_asset": "mean_sd", "rows": 30},
    )
    with Daemon(tmp_path, pump(zigbee.port, *CHANGES)):
        zigbee.online()

        def learnt() -> dict[str, object]:
            request = {"asset": "pump", "op": "show"}
            found: dict[str, object] = ask_calibrate(zigbee, **request)["heat"]
            return found

        zigbee.tell("plug", state="ON", power=0.0)
        for number in range(40):
            zigbee.tell("probe", temperature=5.0 + number / 100)
        wait_until(lambda: zigbee.newest("asset/pump/state").get("label") == "idle", "idle")
        assert learnt()["seen"] == 0
        zigbee.tell("plug", state="ON", power=1400.0)
        wait_until(lambda: zigbee.tell("probe", temperature=60.0) or learnt()["ready"], "learnt")
        assert learnt()["channels"]["temperature"]["mean"] > 50  # type: ignore[index]


def ask_calibrate(zigbee: Zigbee, **fields: object) -> dict[str, dict[str, object]]:
    topic = "edge/here/response/calibrate"
    before = len(zigbee.heard(topic))
    zigbee.peer.publish("edge/here/request/calibrate", json.dumps(fields))
    wait_until(lambda: len(zigbee.heard(topic)) > before, "an answer")
    answer: dict[str, dict[str, object]] = zigbee.heard(topic)[-1]["data"]["calibrations"]
    return answer
