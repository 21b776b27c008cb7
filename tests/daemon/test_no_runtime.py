"""A machine on which onnxruntime is missing: the gateway runs on its rules, and says so."""

from pathlib import Path

from tests.daemon.test_worker import judged, rungs, squash
from tests.fakes import bare_worker
from tests.fakes.daemon import Daemon
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


def test_without_onnxruntime_rules_judge_and_health_says_why(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    text = judged(zigbee.port, tmp_path, squash())
    with Daemon(tmp_path, text, program=("-c", bare_worker.PROGRAM)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20)
        zigbee.tell("plug", state="ON", power=1)
        wait_until(lambda: rungs(daemon)[-1:] == ["rule:2"], "the rule judges")

        def told() -> bool:
            problems = (zigbee.newest("health") or {}).get("problems", ())
            return any("No module named 'onnxruntime'" in one for one in problems)

        wait_until(told, "health says why", 40)
        (failed, *again) = daemon.logged("worker_start_failed")
        assert "no onnxruntime" in failed["error"]
        assert again == []  # it is tried again, and told once
        assert daemon.values("power") == [1]
        assert daemon.stop() == 0
