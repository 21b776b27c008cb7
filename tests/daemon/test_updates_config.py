"""Received configurations in the running daemon: on trial, kept, given up, left out."""

import signal
from pathlib import Path

from tests.fakes.daemon import Daemon
from tests.fakes.updating import LOUD, by_hand, on_record, running, told
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.updates.plant import CONFIG, Plant

CRASH = Path(__file__).parents[1] / "fakes" / "crashing_site.py"


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


def test_a_configuration_that_makes_an_asset_deaf_is_rolled_back(
    plant: Plant, zigbee: Zigbee
) -> None:
    plant.text = plant.text.replace("unit: degC", "unit: degC, stale: 5s")
    deaf = LOUD.replace("unit: degC", "unit: degC, stale: 5s").replace("/probe", "/prob")
    with (
        running(plant, zigbee, config=CONFIG.replace("3s", "10s")) as daemon,
        zigbee.talking("probe", 0.2, temperature=[20.0]),
    ):
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
        for _ in range(4):  # one more than a failed one may have
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
        zigbee.peer.heard.clear()
        daemon.start()
        wait_until(lambda: zigbee.newest("health")["updates"], "health says what is received")
        assert zigbee.newest("health")["updates"]["configuration"] is None
