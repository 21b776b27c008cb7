"""Versions of a model in the running daemon: tried, promoted, rolled back, refused, restarted."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes.daemon import Daemon, pump
from tests.fakes.waiting import PATIENCE_S, wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import package, write

RUNGS = ("verdicts:\n", "verdicts:\n      - {model: heat, deadline: 10s}\n")
RULES = "{package: new, shadow: 20 windows, probation: 20, max_latency: 5s, alarm_rate: [0, 0.2]"
CALM = ("- {when: alarm, do: stop, mode: act}", "- {when: alarm, do: stop, mode: shadow}")


def killer(folder: Path, version: str) -> None:
    """Multiplies matrices of side 75 * temperature: at 80 degC for longer than anybody waits."""
    nodes = [
        make.node("ReduceMax", "window", "most", keepdims=0),
        make.node("Mul", "most by", "wide"),
        make.node("Cast", "wide", "side", to=make.INT64),
        make.node("Reshape", "side one", "line"),
        make.node("Concat", "line line", "shape", axis=0),
        make.node("ConstantOfShape", "shape", "m", value=make.tensor("v", [0.0])),
        make.node("MatMul", "m m", "mm"),
        make.node("ReduceSum", "mm", "sum", keepdims=0),
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "score"),
    ]
    constants = [make.tensor("one", [1], np.int64), make.tensor("by", 75.0)]
    write(folder, version, make.model(nodes, constants, window=("n", 1, 1)), 90.0)


def text(zigbee: Zigbee, candidate: str = "") -> str:
    models = f"models: {{heat: {{package: old{candidate and f', candidate: {candidate}'}}}}}\n"
    return pump(zigbee.port, RUNGS, CALM, ("log: {", models + "log: {"))


def states(daemon: Daemon) -> dict[str, str]:
    """Version -> state, as the store has it."""
    rows = daemon.rows("SELECT text FROM kept WHERE room = 'versions'")
    versions = json.loads(rows[0][0])["versions"] if rows else []
    return {version["version"]: version["state"] for version in versions}


def reach(daemon: Daemon, wanted: Mapping[str, str], deadline_s: float = PATIENCE_S) -> None:
    wait_until(lambda: states(daemon) == wanted, f"{wanted}", deadline_s)


def ask(zigbee: Zigbee, **fields: object) -> dict[str, Any]:
    before = len(zigbee.heard("edge/here/response/model"))
    zigbee.peer.publish("edge/here/request/model", json.dumps(fields))
    wait_until(lambda: len(zigbee.heard("edge/here/response/model")) > before, "an answer")
    answer: dict[str, Any] = zigbee.heard("edge/here/response/model")[-1]
    return answer


def judging(zigbee: Zigbee) -> str:
    """What the asset's state says of who judges."""
    return str(zigbee.newest("asset/pump/state")["label"])


def test_a_candidate_that_agrees_is_promoted_proved_and_gone_back_from(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "old", "1.0.0")
    package(tmp_path / "new", "1.1.0", 91.0)
    with Daemon(tmp_path, text(zigbee, RULES + ", promote: auto}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "retired", "1.1.0": "active"})
        told = [(one["version"], one["state"]) for one in daemon.logged("model_version_changed")]
        assert told == [
            *[("1.0.0", "active"), ("1.1.0", "loading"), ("1.1.0", "shadow")],
            *[("1.0.0", "retired"), ("1.1.0", "probation"), ("1.1.0", "active")],
        ]
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=90.5)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 90.5, "the new one judges")
        assert judging(zigbee) == "normal"
        answer = ask(zigbee, op="rollback", model="heat", transaction=4)
        assert (answer["status"], answer["transaction"]) == ("ok", 4)
        assert states(daemon) == {"1.0.0": "active", "1.1.0": "rolled_back"}
        wait_until(lambda: judging(zigbee) == "alarm", "the old one judges")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.logged("configuration_loaded"), "the reload")
        assert states(daemon) == {"1.0.0": "active", "1.1.0": "rolled_back"}
        assert ask(zigbee, op="rollback", model="heat")["status"] == "error"
        history = daemon.rows("SELECT text FROM kept WHERE room = 'version_history' ORDER BY key")
        assert [json.loads(row)["state"] for (row,) in history][-2:] == ["active", "rolled_back"]


def test_one_that_always_alarms_is_never_promoted(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "old", "1.0.0")
    package(tmp_path / "new", "1.1.0", plus=1000.0)
    with Daemon(tmp_path, text(zigbee, RULES + ", promote: auto}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "refused"})
        why = daemon.logged("model_version_changed")[-1]["why"]
        assert "disagreed on 100.0%" in why
        assert "alarmed in 100.0%" in why
        assert judging(zigbee) == "normal"
        assert "no candidate" in ask(zigbee, op="promote", model="heat")["error"]


def test_one_that_alarms_on_probation_is_rolled_back(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "old", "1.0.0")
    package(tmp_path / "new", "1.1.0", 30.0)
    rules = RULES.replace("probation: 20", "probation: 100000")
    with Daemon(tmp_path, text(zigbee, rules.replace("0.2]", "0.0001]") + "}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "ready"})
        daemon.kill()
        daemon.start()
        wait_until(lambda: len(daemon.logged("model_loaded")) == 4, "both are loaded again")
        assert states(daemon) == {"1.0.0": "active", "1.1.0": "ready"}
        assert ask(zigbee, op="promote", model="heat")["status"] == "ok"
        assert states(daemon) == {"1.0.0": "retired", "1.1.0": "probation"}
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=40.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "rolled_back"})
        wait_until(lambda: judging(zigbee) == "normal", "the old one judges")


def test_one_that_hangs_the_worker_is_refused_after_two_strikes(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "old", "1.0.0")
    with Daemon(tmp_path, text(zigbee)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=80.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 80.0, "it judges")
        killer(tmp_path / "new", "1.1.0")
        daemon.file.write_text(text(zigbee, RULES + "}"))
        daemon.signal(signal.SIGHUP)
        reach(daemon, {"1.0.0": "active", "1.1.0": "refused"}, 30)
        assert len(daemon.logged("worker_lost")) == 2
        assert "killed the worker 2 times" in daemon.logged("model_version_changed")[-1]["why"]
        zigbee.tell("probe", temperature=70.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 70.0, "back")
        assert zigbee.newest("asset/pump/state")["rung"] == "model:heat"
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=40.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 40.0, "judged again")
        assert len(daemon.logged("worker_lost")) == 2


def test_a_damaged_candidate_is_refused_and_the_active_one_lives_on(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "old", "1.0.0")
    package(tmp_path / "new", "1.1.0")
    (tmp_path / "new" / "model.onnx").write_bytes(b"nonsense")
    with Daemon(tmp_path, text(zigbee, RULES + "}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 20.0, "it judges")
        assert daemon.logged("model_refused")
        assert states(daemon) == {"1.0.0": "active"}


def test_a_candidate_that_does_not_fit_is_refused_and_the_active_one_lives_on(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "old", "1.0.0")
    nodes = [
        make.node("ReduceSum", "many", "sum", keepdims=0),
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "score"),
    ]
    many = make.tensor("many", np.zeros(16_700_000))
    write(tmp_path / "new", "1.1.0", make.model(nodes, [many], window=("n", 1, 1)), 90.0)
    limited = text(zigbee, RULES + "}") + "limits: {worker_memory: 160MiB}\n"
    with Daemon(tmp_path, limited) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "refused"})
        zigbee.tell("probe", temperature=40.0)
        wait_until(lambda: zigbee.newest("asset/pump/state")["score"] == 40.0, "it judges")
