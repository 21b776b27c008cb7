"""Packages that kill the worker, and packages that were overwritten: the others judge on."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np

from tests.daemon.test_versions import CALM, ask, judging, reach
from tests.fakes import crashing_worker
from tests.fakes.daemon import Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import package, write

PLANTED = ("-c", crashing_worker.PROGRAM)


def text(zigbee: Zigbee, *names: str, candidate: str = "") -> str:
    """The first model judges; the others are there, and nobody asks them."""
    first, *rest = names
    models = [
        f"{first}: {{package: {first}{candidate}}}",
        *(f"{n}: {{package: {n}}}" for n in rest),
    ]
    rung = ("verdicts:\n", f"verdicts:\n      - {{model: {first}}}\n")
    return pump(zigbee.port, rung, CALM, ("log: {", f"models: {{{', '.join(models)}}}\nlog: {{"))


def scored(zigbee: Zigbee, temperature: float) -> bool:
    """Whether the model judged this temperature; it is told again and again."""
    zigbee.tell("probe", temperature=temperature)
    return zigbee.newest("asset/pump/state").get("score") == temperature


def told(zigbee: Zigbee, problem: str) -> bool:
    """Whether health names a problem that begins so."""
    return any(line.startswith(problem) for line in zigbee.newest("health").get("problems", ()))


def test_a_model_that_kills_the_worker_at_load_is_found_and_the_others_judge(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "bad", crashing_worker.VERSION)
    package(tmp_path / "good", "1.0.0")
    with Daemon(tmp_path, text(zigbee, "good", "bad"), program=PLANTED) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 20.0), "the good one judges")
        wait_until(lambda: daemon.logged("model_refused"), "the bad one is out")
        (refused,) = daemon.logged("model_refused")
        assert refused["model"].startswith("bad@")
        assert "killed the worker 2 times while it was loaded: died: SIGSEGV" in refused["error"]
        wait_until(lambda: told(zigbee, "model bad: killed the worker 2 times"), "health")
        wait_until(lambda: scored(zigbee, 40.0), "the good one judges on")
        pid = daemon.worker_pid()
        wait_until(lambda: scored(zigbee, 60.0), "and on")
        assert daemon.worker_pid() == pid
        assert daemon.stop() == 0


def test_a_new_version_that_kills_the_worker_at_load_gives_way_to_the_one_before(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0")
    with Daemon(tmp_path, text(zigbee, "heat"), program=PLANTED) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 20.0), "it judges")
        shutil.rmtree(tmp_path / "heat")
        package(tmp_path / "heat", crashing_worker.VERSION)
        daemon.signal(signal.SIGHUP)
        reach(daemon, {"1.0.0": "active", crashing_worker.VERSION: "rolled_back"}, 40)
        wait_until(lambda: scored(zigbee, 40.0), "the old one judges, from its copy")
        assert zigbee.newest("asset/pump/state")["rung"] == "model:heat"


def test_a_package_that_was_overwritten_can_be_gone_back_to(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    with Daemon(tmp_path, text(zigbee, "heat")) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 50.0), "it judges")
        shutil.rmtree(tmp_path / "heat")
        package(tmp_path / "heat", "1.1.0", 40.0)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: scored(zigbee, 70.0) and judging(zigbee) == "alarm", "the new one")
        reach(daemon, {"1.0.0": "retired", "1.1.0": "active"})
        assert len(list((tmp_path / "package-copies").iterdir())) == 2
        assert ask(zigbee, op="rollback", model="heat")["status"] == "ok"
        wait_until(lambda: scored(zigbee, 55.0) and judging(zigbee) == "normal", "the old one")
        daemon.kill()
        daemon.start()
        reach(daemon, {"1.0.0": "active", "1.1.0": "rolled_back"})
        wait_until(lambda: scored(zigbee, 20.0) and judging(zigbee) == "normal", "still")


def test_a_package_that_is_overwritten_while_it_judges_is_loaded_again_as_it_was(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    with Daemon(tmp_path, text(zigbee, "heat")) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 50.0), "it judges")
        before = daemon.logged("model_loaded")[-1]["sha256"]
        package(tmp_path / "heat", "1.1.0", 40.0, plus=1.0)  # nobody said to load it
        os.kill(daemon.worker_pid(), signal.SIGKILL)
        wait_until(lambda: len(daemon.logged("model_loaded")) == 2, "it is loaded again")
        assert daemon.logged("model_loaded")[-1]["sha256"] == before
        wait_until(lambda: scored(zigbee, 70.0) and judging(zigbee) == "normal", "it judges")
        (tmp_path / "heat" / "model.onnx").write_bytes(b"nonsense")
        daemon.stop()
        daemon.start()
        wait_until(lambda: scored(zigbee, 55.0), "it judges from its copy")
        wait_until(lambda: told(zigbee, "model heat: model.onnx: expected"), "health")


def test_the_least_worker_memory_runs_a_model_and_refuses_one_that_does_not_fit(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    nodes = [
        make.node("ReduceSum", "many", "sum", keepdims=0),
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "score"),
    ]
    many = make.tensor("many", np.zeros(12_000_000))
    write(tmp_path / "big", "1.0.0", make.model(nodes, [many], window=("n", 1, 1)), 90.0)
    limited = text(zigbee, "heat", "big") + "limits: {worker_memory: 64MiB}\n"
    with Daemon(tmp_path, limited) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 50.0), "it judges")
        (refused,) = daemon.logged("model_refused")
        assert refused["model"].startswith("big@")
        assert "raise limits.worker_memory" in refused["error"]
        assert daemon.logged("worker_lost") == []


def test_a_damaged_copy_is_not_gone_back_to(tmp_path: Path, zigbee: Zigbee) -> None:
    package(tmp_path / "heat", "1.0.0", 90.0)
    with Daemon(tmp_path, text(zigbee, "heat")) as daemon:
        zigbee.online()
        wait_until(lambda: scored(zigbee, 50.0), "it judges")
        (copy,) = (tmp_path / "package-copies").iterdir()
        copy.write_bytes(copy.read_bytes().replace(b"Flatten", b"Flatter"))
        shutil.rmtree(tmp_path / "heat")
        package(tmp_path / "heat", "1.1.0", 40.0)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: scored(zigbee, 70.0) and judging(zigbee) == "alarm", "the new one")
        answer = ask(zigbee, op="rollback", model="heat")
        assert "its package is gone" in answer["error"]
        assert judging(zigbee) == "alarm"
