"""Updates in the running daemon: tried, kept, rolled back by themselves, and never tried again."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.daemon import ROOT, Daemon
from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.updates.plant import CONFIG, FILE, Plant, written

MakeBroker = Callable[..., Mosquitto]
LOUD = f"assets:{FILE.partition('assets:')[2].replace('> 90', '> 80')}"


@pytest.fixture
def zigbee(make_broker: MakeBroker) -> Iterator[Zigbee]:
    broker = make_broker().start()
    with Zigbee(broker.port) as zigbee:
        yield zigbee


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path / "plant") as plant:
        yield plant


def running(plant: Plant, zigbee: Zigbee, **parts: str) -> Daemon:
    """The daemon, with the gateway's file."""
    return Daemon(plant.gateway, plant.write(zigbee.port, **parts))


def by_hand(plant: Plant) -> None:
    """``edge-gateway update``, while the daemon runs."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "update", "--config", str(plant.file)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={"EDGE_GATEWAY_TRUST_CLOCK": "1", "PATH": "/usr/bin"},
    )
    assert done.returncode == 0, done.stderr.decode()


def told(daemon: Daemon) -> list[str]:
    """What the daemon said of updates, in order."""
    return [str(one["update"]).removeprefix("update_") for one in daemon.logged("update_told")]


def on_record(daemon: Daemon) -> list[dict[str, Any]]:
    """What the audit chain has of updates: as much as was said of them."""

    def rows() -> list[Any]:
        return daemon.rows("SELECT body FROM audit WHERE kind = 'update' ORDER BY seq")

    wait_until(lambda: len(rows()) >= len(told(daemon)), "it is on record")
    return [json.loads(body) for (body,) in rows()]


def states(daemon: Daemon) -> dict[str, str]:
    """Version -> state, as the store has it."""
    rows = daemon.rows("SELECT text FROM kept WHERE room = 'versions'")
    versions = json.loads(rows[0][0])["versions"] if rows else []
    return {version["version"]: version["state"] for version in versions}


def reach(daemon: Daemon, wanted: dict[str, str]) -> None:
    wait_until(lambda: states(daemon) == wanted, f"{wanted}, not {states(daemon)}")


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


def nan_above(plant: Plant, degrees: float) -> Path:
    """Right up to a temperature; above it, NaN."""
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Sub", "most flat", "left"),
        make.node("Log", "left", "log"),
        make.node("Mul", "log zero", "nothing"),
        make.node("Add", "flat nothing", "score"),
    ]
    constants = [make.tensor("most", [[degrees]]), make.tensor("zero", [[0.0]])]
    model = make.model(nodes, constants, window=("n", 1, 1))
    return written(plant.folder / "nan", "1.1.0", model)


def hanging(plant: Plant) -> Path:
    """Multiplies square matrices: of side 1 at 20 degC, of side 6,000 at 80."""
    nodes = [
        make.node("ReduceMax", "window", "most", keepdims=0),
        make.node("Mul", "most by", "share"),
        make.node("Pow", "share power", "wide"),
        make.node("Cast", "wide", "side", to=make.INT64),
        make.node("Reshape", "side one", "line"),
        make.node("Concat", "line line", "shape", axis=0),
        make.node("ConstantOfShape", "shape", "m", value=make.tensor("v", [0.0])),
        make.node("MatMul", "m m", "mm"),
        make.node("ReduceSum", "mm", "sum", keepdims=0),
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "score"),
    ]
    constants = [
        *(make.tensor("by", 0.05), make.tensor("power", 6.27)),
        make.tensor("one", [1], np.int64),
    ]
    return written(
        plant.folder / "hanging", "1.1.0", make.model(nodes, constants, window=("n", 1, 1))
    )


@pytest.mark.parametrize("kind", ["alarms", "nan", "hang"])
def test_a_model_that_goes_bad_on_probation_is_rolled_back_by_itself(
    plant: Plant, zigbee: Zigbee, kind: str
) -> None:
    model = "{shadow: 20 windows, probation: 100000, max_latency: 5s, alarm_rate: [0, 0.0001]}"
    with running(plant, zigbee, model=model) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active"})
        if kind == "nan":
            plant.offer_package(nan_above(plant, 30.0))
        elif kind == "hang":
            plant.offer_package(hanging(plant))
        else:
            plant.offer("1.1.0", 30.0)
        by_hand(plant)
        reach(daemon, {"1.0.0": "retired", "1.1.0": "probation"})
        degrees = 80.0 if kind == "hang" else 40.0
        zigbee.tell("probe", temperature=degrees)
        wait_until(lambda: told(daemon)[-1:] == ["rolled_back"], "it is rolled back")
        assert states(daemon)["1.0.0"] == "active"
        judged = lambda: zigbee.newest("asset/pump/state").get("score") == degrees
        wait_until(judged, "the old one judges")
        by_hand(plant)
        assert plant.delivered() == ""


def test_a_configuration_is_tried_kept_and_put_on_record(plant: Plant, zigbee: Zigbee) -> None:
    with running(plant, zigbee) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        plant.offer_config(LOUD)
        by_hand(plant)
        wait_until(lambda: told(daemon)[-1:] == ["kept"], "it is kept")
        assert told(daemon) == ["offered", "downloaded", "applied", "kept"]
        assert [one["about"] for one in on_record(daemon)] == ["configuration"] * 4
        before = plant.file.read_text()
        daemon.kill()
        daemon.start()
        assert plant.file.read_text() == before
        wait_until(lambda: zigbee.newest("health")["updates"]["configuration"], "health says so")


@contextmanager
def talking(zigbee: Zigbee) -> Iterator[None]:
    """The probe says its temperature again and again."""
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.2):
            zigbee.tell("probe", temperature=20.0)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def test_a_configuration_that_makes_an_asset_deaf_is_rolled_back(
    plant: Plant, zigbee: Zigbee
) -> None:
    plant.text = plant.text.replace("unit: degC", "unit: degC, stale: 5s")
    deaf = LOUD.replace("unit: degC", "unit: degC, stale: 5s").replace("/probe", "/prob")
    with running(plant, zigbee, config=CONFIG.replace("3s", "10s")) as daemon, talking(zigbee):
        zigbee.online()
        wait_until(lambda: zigbee.newest("asset/pump/state").get("score") == 20.0, "it judges")
        plant.offer_config(deaf)
        by_hand(plant)
        wait_until(lambda: told(daemon)[-1:] == ["rolled_back"], "it is rolled back")
        assert "nothing fresh is known any more of pump" in on_record(daemon)[-1]["why"]
        assert plant.configured() == ""
        by_hand(plant)
        assert plant.configured() == ""
        wait_until(lambda: zigbee.newest("asset/pump/state").get("score") == 20.0, "it judges on")


CRASH = Path(__file__).parents[1] / "fakes" / "crashing_site.py"


def test_a_configuration_that_crashes_the_daemon_at_its_start_is_given_up(
    plant: Plant, zigbee: Zigbee
) -> None:
    text = plant.write(zigbee.port, config=CONFIG.replace("3s", "1h"))
    with Daemon(plant.gateway, text, program=(str(CRASH),)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        plant.offer_config(LOUD.replace("name: Pump", "name: Bomb"))
        by_hand(plant)
        assert daemon.ended() not in (0, 2)
        for _ in range(3):
            daemon.launch()
            assert daemon.ended() not in (0, 2)
        daemon.start()  # as systemd would
        wait_until(lambda: told(daemon)[-1:] == ["rolled_back"], "it is rolled back")
        assert "started 3 times" in on_record(daemon)[-1]["why"]
        assert plant.configured() == ""


def test_a_stop_in_good_order_does_not_count_as_a_failed_start(
    plant: Plant, zigbee: Zigbee
) -> None:
    text = plant.write(zigbee.port, config=CONFIG.replace("3s", "1h"))
    with Daemon(plant.gateway, text) as daemon:
        zigbee.online()
        plant.offer_config(LOUD)
        by_hand(plant)
        wait_until(lambda: len(daemon.logged("configuration_loaded")) == 1, "it is in force")
        for _ in range(5):
            assert daemon.stop() == 0
            daemon.start()
        assert "> 80" in plant.configured()


def test_what_a_person_writes_beside_it_holds_and_a_misfit_is_left_out(
    plant: Plant, zigbee: Zigbee
) -> None:
    with running(plant, zigbee) as daemon:
        zigbee.online()
        plant.offer_config(LOUD)
        by_hand(plant)
        wait_until(lambda: told(daemon)[-1:] == ["kept"], "it is kept")
        text = plant.file.read_text().replace("zigbee: {bridge", "radio: {bridge")
        plant.file.write_text(
            text.replace("from: zigbee/", "from: radio/").replace("to: zigbee/", "to: radio/")
        )
        daemon.signal(signal.SIGHUP)
        wait_until(
            lambda: any("left out" in one for one in zigbee.newest("health")["problems"]),
            "it says so",
        )
        daemon.stop()
        daemon.start()
        assert zigbee.newest("health")["updates"]["configuration"] is None


def test_a_repository_that_lies_is_told_and_one_that_is_away_is_not_a_problem(
    plant: Plant, zigbee: Zigbee
) -> None:
    with running(plant, zigbee) as daemon:
        zigbee.online()
        plant.server.gone = True
        subprocess.run(
            [sys.executable, "-m", "gateway.updates", str(plant.file)], check=False, cwd=ROOT
        )
        wait_until(lambda: told(daemon) == ["check_failed"], "it is told")
        assert not any("updates" in one for one in zigbee.newest("health")["problems"])
        plant.server.gone = False
        plant.author(days_ago=40).do_timestamp(force=True)
        subprocess.run(
            [sys.executable, "-m", "gateway.updates", str(plant.file)], check=False, cwd=ROOT
        )
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
