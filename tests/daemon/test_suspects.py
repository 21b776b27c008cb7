"""An active model that ends the worker whenever it is asked: the others judge, and it is named."""

from pathlib import Path

from tests.daemon.test_versions import CALM, killer
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models.heat import package

MODELS = "models: {bad: {package: bad}, good: {package: good}}\n"
RUNGS = "verdicts:\n      - {model: bad, deadline: 1s}\n      - {model: good, deadline: 10s}\n"
OTHER = """  tank:
    metrics: {temperature: {from: zigbee/probe, unit: degC}}
    verdicts: [{model: good, deadline: 10s}]
"""


def test_one_that_hangs_the_worker_at_each_question_is_let_rest_and_the_others_judge(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    killer(tmp_path / "bad", "6.6.6")
    package(tmp_path / "good", "1.0.0")
    text = pump(broker.port, ("verdicts:\n", RUNGS), CALM, ("log: {", MODELS + "log: {")) + OTHER
    text = text.replace("      - {model: good, deadline: 10s}\n", "", 1)
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        for asset in ("pump", "tank"):
            topic = f"asset/{asset}/state"
            wait_until(lambda topic=topic: zigbee.newest(topic).get("score") == 20.0, "both judge")
        zigbee.tell("probe", temperature=60.0)
        wait_until(lambda: daemon.logged("model_suspended"), "the bad one rests", 60)
        lost = daemon.logged("worker_lost")
        assert len(lost) <= 4  # with the others once at most, then three times alone
        assert [line["asked"] for line in lost[-3:]] == [lost[-1]["asked"]] * 3
        assert len(lost[-1]["asked"]) == 1
        assert lost[-1]["asked"][0].startswith("bad@")
        zigbee.tell("probe", temperature=61.0)
        wait_until(lambda: zigbee.newest("asset/tank/state")["score"] == 61.0, "the other judges")
        wait_until(lambda: zigbee.newest("asset/pump/state")["rung"] == "rule:2", "its rule judges")
        assert "hung" in zigbee.newest("asset/pump/state")["abstained"]["model:bad"]
        problem = "model bad: killed the worker 3 times when it was asked: hung"
        wait_until(
            lambda: any(one.startswith(problem) for one in zigbee.newest("health")["problems"]),
            "health names it",
        )
        restarts = len(daemon.logged("worker_started"))
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: zigbee.newest("asset/tank/state")["label"] == "alarm", "it goes on")
        assert len(daemon.logged("worker_started")) == restarts
        assert len(daemon.logged("worker_lost")) == len(lost)
        assert daemon.stop() == 0
