"""Several models on one asset, in the running daemon."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.daemon.test_explain import channels
from tests.daemon.test_versions import CALM
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import package

MODELS = "models: {a: {package: a}, b: {package: b}, c: {package: c}}\n"
RUNG = "verdicts:\n      - {models: [a, b, c], combine: median, least: 2}\n"


def test_three_models_give_one_verdict_that_names_them(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    for name, on in (("a", 50.0), ("b", 40.0), ("c", 100.0)):
        package(tmp_path / name, f"1.0.{int(on)}", on)
    text = pump(broker.port, ("verdicts:\n", RUNG), CALM, ("log: {", MODELS + "log: {"))
    with Daemon(tmp_path, text) as daemon:
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


def heat(folder: Path, version: str, power: float, temperature: float, **changes: object) -> None:
    """score = power and temperature, each times its weight: what each adds is known."""
    nodes = [
        make.node("ReduceMean", "window rows", "mean", keepdims=0),
        make.node("MatMul", "mean weights", "score"),
    ]
    weights = make.tensor("weights", [[power], [temperature]])
    model = make.model(nodes, [make.tensor("rows", [1], np.int64), weights], window=("n", 2, 2))
    levels = [{"label": "alarm", "on": 2.0, "off": 1.9}]
    baseline = {"power": 1000, "temperature": 40}
    make.write(
        folder,
        make.Recipe(model, rows=2, channels=2, levels=levels),
        version=version,
        input=channels(("power", "W"), ("temperature", "degC"), rows=2),
        explain={"baseline": baseline, "usual": {"temperature": [35, 45]}} | changes,
    )


def test_an_ensemble_is_explained_by_each_member_and_by_all_together(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    heat(tmp_path / "a", "1.0.0", 0.001, 0.02)
    heat(tmp_path / "b", "1.1.0", 0.0, 0.05)
    heat(tmp_path / "c", "1.2.0", 0.0025, 0.0, method="none")
    text = pump(broker.port, ("verdicts:\n", RUNG), CALM, ("log: {", MODELS + "log: {"))
    text = text.replace("mode: shadow", "mode: advise")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=85.0)
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        told = zigbee.newest("asset/pump/explanation")
        assert (told["method"], told["rung"]) == ("ensemble", "ensemble:a+b+c")
        first, second, *lines = told["words"]
        hot, strong = (
            "temperature 85 degC, usually 35 to 45: ",
            "power 1400 W, usually about 1000: ",
        )
        assert (first[: len(hot)], second[: len(strong)]) == (hot, strong)
        assert lines == [
            f"a 1.0.0 says alarm, 1.55 times its level: {hot}69 %; {strong}31 %",
            f"b 1.1.0 says alarm, 2.12 times its level: {hot}100 %",
            "c 1.2.0 says alarm, 1.75 times its level: its package asks for no explanation",
        ]
        by_channel = {one["channel"]: one["share"] for one in told["channels"]}
        own = 0.4 / 1.3  # of power, with a; b has none of it
        assert by_channel["power"] == pytest.approx(own * 1.55 / (1.55 + 2.125), abs=1e-3)
        assert sum(by_channel.values()) == pytest.approx(1, abs=1e-3)
        assert [one["model"] for one in told["members"]] == ["a", "b", "c"]
        assert [one["method"] for one in told["members"]] == ["occlusion", "occlusion", "none"]
        sql = "SELECT explanation FROM decision"
        wait_until(lambda: daemon.rows(sql)[0][0], "the record")
        assert json.loads(daemon.rows(sql)[0][0])["members"] == told["members"]


def test_a_member_that_is_out_is_named_and_too_few_are_no_verdict(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    for name in "abc":
        package(tmp_path / name, "1.0.0", 50.0)
    (tmp_path / "b" / "model.onnx").write_bytes(b"nonsense")
    text = pump(broker.port, ("verdicts:\n", RUNG), CALM, ("log: {", MODELS + "log: {"))
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["members"], "a verdict of two")
        state = zigbee.newest("asset/pump/state")
        assert [one["model"] for one in state["members"]] == ["a", "c"]
        assert state["abstained"] == {"model:b": "not loaded"}
        daemon.stop()
        (tmp_path / "c" / "model.onnx").write_bytes(b"nonsense")
        shutil.rmtree(tmp_path / "package-copies")  # else c judges on from its copy
        daemon.start()
        zigbee.tell("probe", temperature=21.0)
        rung = "ensemble:a+b+c"
        wait_until(lambda: rung in zigbee.newest("asset/pump/state")["abstained"], "too few")
        state = zigbee.newest("asset/pump/state")
        assert (state["rung"], state["label"]) == ("rule:2", "normal")
        assert state["abstained"][rung] == "1 of 3 models, at least 2 must answer"


COMBINED = {"mean": (0.85, "normal"), "median": (0.8, "normal"), "max": (1.25, "alarm")}
"""60 degC against levels 48, 75 and 120: 1.25, 0.8 and 0.5 times them."""


@pytest.mark.parametrize("how", ["mean", "median", "max", "vote"])
def test_each_way_to_combine_gives_its_own_verdict(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, how: str
) -> None:
    for name, on in (("a", 48.0), ("b", 75.0), ("c", 120.0)):
        package(tmp_path / name, f"1.0.{int(on)}", on)
    rung = RUNG.replace("median", how)
    text = pump(broker.port, ("verdicts:\n", rung), CALM, ("log: {", MODELS + "log: {"))
    with Daemon(tmp_path, text):
        zigbee.online()
        zigbee.tell("probe", temperature=60.0)
        wait_until(lambda: len(zigbee.newest("asset/pump/state").get("members") or ()) == 3, "all")
        state = zigbee.newest("asset/pump/state")
        score, label = COMBINED.get(how, (1 / 3, "normal"))
        assert (state["score"], state["label"]) == (pytest.approx(score, abs=1e-6), label)
        told = {one["model"]: (one["version"], one["label"]) for one in state["members"]}
        assert told == {
            "a": ("1.0.48", "alarm"), "b": ("1.0.75", "normal"), "c": ("1.0.120", "normal"),
        }  # fmt: skip
