"""From a decision to its explanation: on MQTT, in the store, and never in anybody's way."""

import asyncio
import json
import os
import signal
from array import array
from pathlib import Path

import numpy as np
import pytest

from gateway.adapters.worker import WorkerSettings
from gateway.core.ladder import Question
from gateway.daemon.foreman import Foreman
from gateway.daemon.inference import Inference
from tests.fakes.daemon import Daemon, pump
from tests.fakes.listening import Nobody
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

MODEL = ("verdicts:\n", "verdicts:\n      - {model: heat}\n")
PACKAGE = ("log: {", "models: {heat: {package: package}}\nlog: {")


def channels(*pairs: tuple[str, str], rows: int) -> dict[str, object]:
    named = [{"name": name, "unit": unit, "max_age_s": 600} for name, unit in pairs]
    dims = {"period_s": 0.2, "window": rows, "min_coverage": 0}
    return {"tensor": "window", "layout": "n,t,c", "channels": named, **dims}


def heat(folder: Path) -> None:
    """score = 0.001 power + 0.01 temperature: what each channel adds is known."""
    nodes = [
        make.node("ReduceMean", "window rows", "mean", keepdims=0),
        make.node("MatMul", "mean weights", "score"),
    ]
    constants = [make.tensor("rows", [1], np.int64), make.tensor("weights", [[0.001], [0.01]])]
    levels = [{"label": "alarm", "on": 2.0, "off": 1.9}]
    model = make.model(nodes, constants, window=("n", 2, 2))
    make.write(
        folder / "package",
        make.Recipe(model, rows=2, channels=2, levels=levels),
        input=channels(("power", "W"), ("temperature", "degC"), rows=2),
        explain={
            "baseline": {"power": 1000, "temperature": 40},
            "usual": {"temperature": [35, 45]},
        },
    )


def test_a_model_s_decision_names_its_channels_in_words_and_in_data(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    heat(tmp_path)
    with Daemon(tmp_path, pump(broker.port, MODEL, PACKAGE)) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=85.0)
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        told = zigbee.heard("edge/here/asset/pump/explanation")[0]
        assert told["words"] == [
            "temperature 85 degC, usually 35 to 45: 53 %",
            "power 1400 W, usually about 1000: 47 %",
        ]
        assert [cause["channel"] for cause in told["channels"]] == ["temperature", "power"]
        assert told["channels"][1]["share"] == pytest.approx(0.4 / 0.85, abs=1e-3)
        assert (told["method"], told["rung"], told["label"]) == ("occlusion", "model:heat", "alarm")
        decision = zigbee.heard("edge/here/asset/pump/decision")[0]
        assert told["decision"] == decision["id"]
        sql = "SELECT explanation FROM decision WHERE id = ?"
        wait_until(lambda: daemon.rows(sql, decision["id"])[0][0], "the record")
        stored = json.loads(daemon.rows(sql, decision["id"])[0][0])
        assert stored == {key: value for key, value in told.items() if key not in ("v", "ts")}
        assert daemon.stop() == 0
    with Peer(broker.port, "edge/here/asset/pump/explanation") as late:
        wait_until(lambda: late.heard, "it is retained")


def test_channels_are_named_in_the_unit_that_the_file_gives_them(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    heat(tmp_path)
    units = [("degC", "degF"), ("unit: W}", "unit: kW}"), ("temperature > 90", "temperature > 900")]
    with Daemon(tmp_path, pump(broker.port, MODEL, PACKAGE, *units)):
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1.4)
        zigbee.tell("probe", temperature=185.0)
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        told = zigbee.newest("asset/pump/explanation")
        assert told["words"] == [
            "temperature 185 degF, usually 95 to 113: 53 %",
            "power 1.4 kW, usually about 1: 47 %",
        ]
        assert [one["unit"] for one in told["channels"]] == ["degF", "kW"]


def test_a_rule_explains_itself_when_it_fires_and_when_it_clears(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)):
        zigbee.online()
        zigbee.tell("probe", temperature=95.5)
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        zigbee.tell("probe", temperature=40)
        topic = "edge/here/asset/pump/explanation"
        wait_until(lambda: len(zigbee.heard(topic)) == 2, "two explanations")
        assert [(told["event"], *told["words"]) for told in zigbee.heard(topic)] == [
            ("raised", "temperature > 90 is true: temperature 95.5 degC"),
            ("cleared", "temperature > 90 is not true: temperature 40 degC"),
        ]


def test_a_shadow_decision_is_explained_in_the_record_only(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port, ("mode: act", "mode: shadow"))) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95.5)
        sql = "SELECT explanation FROM decision WHERE explanation IS NOT NULL"
        wait_until(lambda: daemon.rows(sql), "the record")
        assert daemon.stop() == 0
        assert zigbee.heard("edge/here/asset/pump/explanation") == []


def test_an_explanation_that_takes_too_long_is_given_up_and_the_command_was_sent_before(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    """The model multiplies matrices of the size it is told: its baseline is far too large."""
    recipe = make.sloth()
    make.write(
        tmp_path / "package",
        make.Recipe(
            recipe.model,
            rows=1,
            channels=1,
            golden=recipe.golden,
            levels=[{"label": "alarm", "on": 5.0, "off": 4.0}],
        ),
        input=channels(("power", "W"), rows=1),
        explain={"baseline": {"power": 900}},
    )
    with Daemon(tmp_path, pump(broker.port, MODEL, PACKAGE)) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=6.0)
        zigbee.obey()
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        told = zigbee.heard("edge/here/asset/pump/explanation")[0]
        assert (told["words"], told["note"]) == (["score 6, level 5: alarm"], "deadline")
        wait_until(lambda: zigbee.newest("asset/pump/alert").get("state") == "clear", "all clear")
        assert zigbee.newest("health")["worker"]["restarts"] == 0
        assert len(zigbee.orders) == 1
        assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_worker_that_hangs_or_dies_over_an_explanation_is_back_for_the_next(
    tmp_path: Path, number: int
) -> None:
    package = make.write(tmp_path, make.linear())
    question = Question("m", "pump", array("d", [1.0] * 36), make.ROWS, make.CHANNELS)
    zeros = [0.0] * make.CHANNELS

    async def scenario() -> None:
        inference = Inference(Foreman(WorkerSettings()), Nobody())
        inference.want({"m": package}, {"m": "m"}, {})
        running = asyncio.create_task(inference.run())
        try:
            await inference.first.wait()
            os.kill(inference._worker.pid, number)
            lost = await inference.explain(question, zeros, "auto", 0.5)
            assert isinstance(lost, str)
            async with asyncio.timeout(30):
                while isinstance(  # noqa: ASYNC110  # it comes back by itself
                    await inference.explain(question, zeros, "auto", 5.0), str
                ):
                    await asyncio.sleep(0.05)
            assert inference.restarts >= 1
        finally:
            running.cancel()
            await inference.close()

    asyncio.run(scenario())
