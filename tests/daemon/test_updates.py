"""Updates in the running daemon: models that are tried and kept, or never tried again."""

import shutil
import subprocess
import sys

from tests.fakes.daemon import ROOT
from tests.fakes.inside import Clocks, Inside
from tests.fakes.updating import by_hand, on_record, reach, running, states, told
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee
from tests.updates.plant import Plant


def test_a_good_model_comes_by_itself_is_tried_promoted_and_kept(
    plant: Plant, zigbee: Zigbee
) -> None:
    plant.every = "1s"
    plant.offer("1.1.0")
    with running(plant, zigbee) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "retired", "1.1.0": "active"})
        wait_until(lambda: told(daemon)[-1:] == ["kept"], "it is kept")
        assert told(daemon) == ["offered", "downloaded", "delivered", "kept"]
        assert [one["step"] for one in on_record(daemon)][-1] == "kept"
        plant.offer("1.2.0", 92.0)
        reach(daemon, {"1.0.0": "retired", "1.1.0": "retired", "1.2.0": "active"})
        judged = [one["active"] for one in daemon.logged("model_version_changed")]
        assert len(set(judged)) == 3
        wait_until(lambda: "updates" in zigbee.newest("health"), "health")
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=91.5)
        wait_until(lambda: zigbee.newest("asset/pump/state").get("score") == 91.5, "it judges")
        assert states(daemon)["1.2.0"] == "active"


def test_a_model_that_alarms_too_often_never_judges_and_is_not_tried_again(
    plant: Plant, zigbee: Zigbee
) -> None:
    with running(plant, zigbee) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active"})
        plant.offer("1.1.0", plus=1000.0)
        by_hand(plant)
        wait_until(lambda: told(daemon)[-1:] == ["refused"], "it is refused")
        assert plant.delivered() == ""
        by_hand(plant)
        assert states(daemon)["1.0.0"] == "active"
        assert told(daemon).count("delivered") == 1


def visit(plant: Plant) -> None:
    """Its repository is asked, whatever the daemon has planned."""
    subprocess.run(
        [sys.executable, "-m", "gateway.updates", str(plant.file)], check=False, cwd=ROOT
    )


def test_a_repository_that_lies_is_told_and_one_that_is_away_is_not_a_problem(
    plant: Plant, zigbee: Zigbee
) -> None:
    with running(plant, zigbee) as daemon:
        zigbee.online()
        plant.server.gone = True
        visit(plant)
        wait_until(lambda: told(daemon) == ["check_failed"], "it is told")
        assert not any("updates" in one for one in zigbee.newest("health")["problems"])
        plant.server.gone = False
        plant.author(days_ago=40).do_timestamp(force=True)
        visit(plant)
        wait_until(
            lambda: any("expired" in one for one in zigbee.newest("health")["problems"]),
            "it is a problem",
        )
        assert told(daemon)[-1] == "check_refused"
        assert on_record(daemon)[-1]["event"] == "security_repository_refused"


def test_while_the_clock_is_wrong_nothing_is_asked(plant: Plant, zigbee: Zigbee) -> None:
    plant.every = "1s"
    plant.write(zigbee.port)
    plant.offer("1.1.0")
    clock = Clocks(right=False)
    with Inside(plant.file, clock):
        zigbee.online()
        let_pass(4)
        assert plant.server.asked == []
        clock.synchronise()
        wait_until(lambda: plant.server.asked, "it asks")


def test_the_daemon_imports_nothing_of_the_client(plant: Plant) -> None:
    code = (
        "import sys, gateway.daemon.process, gateway.updates.starting;"
        "sys.exit(any(name.split('.')[0] in ('tuf', 'urllib3') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
    shutil.rmtree(plant.state, ignore_errors=True)
