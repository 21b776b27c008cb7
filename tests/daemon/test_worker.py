"""The worker process dies, hangs or eats: readings go on, the ladder moves on, it comes back."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

MODEL = """    verdicts:
      - {model: tiny, channels: {c0: power}, deadline: 1s}
"""


def judged(port: int, folder: Path, recipe: make.Recipe) -> str:
    """The pump, judged by a model of one row, one number; its rule is the second rung."""
    held = {"name": "c0", "unit": "W", "range": [-1e12, 1e12], "max_age_s": 3600}
    document = make.document(recipe)
    # A value holds for an hour: between two messages the model does not abstain for want of one.
    document["input"] |= {"channels": [held], "period_s": 0.05, "min_coverage": 0}
    make.write(folder / "tiny", recipe, input=document["input"])
    changes = (
        ("    verdicts:\n", MODEL),
        ("assets:\n", "models: {tiny: {package: tiny}}\nassets:\n"),
    )
    return pump(port, *changes) + "limits: {worker_memory: 128MiB}\n"


def squash() -> make.Recipe:
    """A sane model of one number."""
    return make.one_cell(*make.flat_tail("window", 1))


def rungs(daemon: Daemon) -> list[str]:
    return [str(entry["rung"]) for entry in daemon.logged("verdict_changed")]


class Feed:
    """Reports a changing power, so that windows keep falling due, and counts what was stored."""

    def __init__(self, zigbee: Zigbee, daemon: Daemon) -> None:
        self.zigbee, self.daemon, self.sent = zigbee, daemon, 0

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Report one value after the other until something holds; every one must be stored."""

        def one() -> object:
            self.sent += 1
            self.zigbee.tell("plug", state="ON", power=self.sent / 1e6, temperature=20)
            return condition()

        wait_until(one, what)

    def stored(self) -> None:
        """Nothing that was reported is missing."""
        wait_until(lambda: len(self.daemon.values("power")) == self.sent, "all is stored")


def committing(daemon: Daemon) -> Callable[[], bool]:
    """Whether more was committed since this was called."""
    before = len(daemon.values("power"))
    return lambda: len(daemon.values("power")) > before


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_hangs_costs_no_reading_and_comes_back(
    tmp_path: Path, zigbee: Zigbee, number: int
) -> None:
    text = judged(zigbee.port, tmp_path, squash())
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20)
        feed = Feed(zigbee, daemon)
        feed.until(lambda: rungs(daemon)[-1:] == ["model:tiny"], "the model judges")
        first = daemon.worker_pid()
        os.kill(first, number)
        feed.until(lambda: rungs(daemon)[-1:] == ["rule:2"], "the rule judges")
        (why,) = daemon.logged("verdict_changed")[-1]["abstained"].values()
        assert why.startswith(("worker ", "died", "hung")), why
        feed.until(committing(daemon), "readings are committed meanwhile")
        feed.until(lambda: rungs(daemon)[-1:] == ["model:tiny"], "the model is back")
        assert daemon.worker_pid() != first
        feed.stored()
        assert daemon.stop() == 0


def test_a_model_that_eats_memory_is_refused_it_and_the_rule_judges(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, judged(zigbee.port, tmp_path, make.glutton())) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: rungs(daemon)[-1:] == ["rule:2"], "the rule judges")
        zigbee.tell("plug", power=4)
        wait_until(lambda: rungs(daemon)[-1:] == ["model:tiny"], "the model judges")
        zigbee.tell("plug", power=2_000_000_000)
        wait_until(lambda: rungs(daemon)[-1:] == ["rule:2"], "the rule judges again")
        assert daemon.logged("verdict_changed")[-1]["abstained"]["model:tiny"]

        def judged_again() -> bool:
            zigbee.tell("plug", power=5)
            return rungs(daemon)[-1] == "model:tiny"

        wait_until(judged_again, "the model judges again")
        assert daemon.stop() == 0


def test_a_worker_that_hangs_does_not_hold_up_the_end(tmp_path: Path, zigbee: Zigbee) -> None:
    text = judged(zigbee.port, tmp_path, squash()).replace("deadline: 1s", "deadline: 60s")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("plug", power=1)
        wait_until(lambda: rungs(daemon)[-1:] == ["model:tiny"], "the model judges")
        os.kill(daemon.worker_pid(), signal.SIGSTOP)
        zigbee.tell("plug", power=2)
        wait_until(lambda: daemon.values("power") == [1, 2], "it is stored")
        assert daemon.stop(30) == 0  # the worker's own deadline is 60 s


def test_a_package_that_was_tampered_with_is_refused_and_health_says_so(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    text = judged(zigbee.port, tmp_path, squash())
    weights = tmp_path / "tiny" / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: zigbee.newest("health"), "health")
        health = zigbee.newest("health")
        assert health["state"] == "degraded"
        (problem,) = [line for line in health["problems"] if line.startswith("model tiny: ")]
        assert "model.onnx" in problem
        wait_until(lambda: rungs(daemon)[-1:] == ["rule:2"], "the rule judges")
        assert daemon.logged("verdict_changed")[-1]["abstained"] == {"model:tiny": "not loaded"}
        assert daemon.stop() == 0
