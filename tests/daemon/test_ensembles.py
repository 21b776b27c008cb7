"""Several models on one asset, in the running daemon."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.daemon.test_versions import CALM, package
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MODELS = "models: {a: {package: a}, b: {package: b}, c: {package: c}}\n"
RUNG = "verdicts:\n      - {models: [a, b, c], combine: median, least: 2}\n"


def test_three_models_give_one_verdict_that_names_them(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    for name, on in (("a", 50.0), ("b", 40.0), ("c", 100.0)):
        package(tmp_path / name, f"1.0.{int(on)}", on)
    broker = make_broker().start()
    text = pump(broker.port, ("verdicts:\n", RUNG), CALM, ("log: {", MODELS + "log: {"))
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=60.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["members"], "a verdict of three")
        state = zigbee.newest("asset/pump/state")
        assert (state["rung"], state["label"]) == ("ensemble:a+b+c", "alarm")
        assert state["score"] == 1.2
        told = {one["model"]: (one["label"], one["score"]) for one in state["members"]}
        assert told == {"a": ("alarm", 60.0), "b": ("alarm", 60.0), "c": ("normal", 60.0)}
        wait_until(lambda: zigbee.newest("asset/pump/state")["alert"], "the alert")
        sql = "SELECT members FROM verdict WHERE rung LIKE 'ensemble%'"
        wait_until(lambda: daemon.rows(sql), "the record")
        versions = [one["version"] for one in json.loads(daemon.rows(sql)[0][0])]
        assert versions == ["1.0.50", "1.0.40", "1.0.100"]


def test_a_member_that_is_out_is_named_and_too_few_are_no_verdict(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    for name in "abc":
        package(tmp_path / name, "1.0.0", 50.0)
    (tmp_path / "b" / "model.onnx").write_bytes(b"nonsense")
    broker = make_broker().start()
    text = pump(broker.port, ("verdicts:\n", RUNG), CALM, ("log: {", MODELS + "log: {"))
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["members"], "a verdict of two")
        state = zigbee.newest("asset/pump/state")
        assert [one["model"] for one in state["members"]] == ["a", "c"]
        assert state["abstained"] == {"model:b": "not loaded"}
        daemon.stop()
        (tmp_path / "c" / "model.onnx").write_bytes(b"nonsense")
        daemon.start()
        zigbee.tell("probe", temperature=21.0)
        rung = "ensemble:a+b+c"
        wait_until(lambda: rung in zigbee.newest("asset/pump/state")["abstained"], "too few")
        state = zigbee.newest("asset/pump/state")
        assert (state["rung"], state["label"]) == ("rule:2", "normal")
        assert state["abstained"][rung] == "1 of 3 models, at least 2 must answer"
