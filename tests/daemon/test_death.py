"""What is done when the gateway is dead by its broker, which holds its will; and found again."""

from pathlib import Path

from tests.fakes.daemon import Daemon
from tests.fakes.dying import armed, decisions, helper, kept, text
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.people import done
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee


def test_a_broker_does_it_for_a_dead_gateway_and_the_next_start_finds_it(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        daemon.kill()
        wait_until(lambda: zigbee.orders, "the will")
        assert zigbee.orders == [{"state": "OFF"}]
        let_pass(1.0)
        daemon.start()
        assert decisions(daemon) == [("death: the gateway was dead for 11s", "")]
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert len(zigbee.orders) == 1


def test_a_gateway_that_is_back_in_time_takes_its_will_back(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        daemon.kill()
        daemon.start()
        let_pass(13.0)
        assert (zigbee.orders, daemon.commands(), decisions(daemon)) == ([], [], [])


def test_an_orderly_stop_is_no_death(tmp_path: Path, broker: Mosquitto, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        assert daemon.stop() == 0
        assert kept(daemon) == {}
        done_ = helper(daemon, "--now")
        assert (done_.returncode, zigbee.orders) == (1, [])
        assert "the gateway said nothing of it" in done_.stdout
        let_pass(13.0)
        assert zigbee.orders == []


def test_no_will_while_somebody_forbids_it(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        done(zigbee, "asset/pump/maintenance", on=True)
        wait_until(lambda: kept(daemon) == {"refused": "maintenance", "armed": False}, "no will")
        daemon.kill()
        said = helper(daemon, "--now")
        assert (said.returncode, said.stdout.strip()) == (1, "pump: maintenance")
        daemon.start()
        assert decisions(daemon) == [("death: the gateway was dead for 0s", "maintenance")]
        assert (zigbee.orders, daemon.commands()) == ([], [])
