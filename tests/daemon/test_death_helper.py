"""What is done when the gateway is dead by systemd's helper; and found again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon
from tests.fakes.dying import armed, decisions, helper, text
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]


@pytest.fixture
def broker(make_broker: MakeBroker) -> Mosquitto:
    return make_broker().start()


@pytest.fixture
def zigbee(broker: Mosquitto) -> Iterator[Zigbee]:
    with Zigbee(broker.port) as zigbee:
        yield zigbee


def test_systemds_helper_does_it_once_and_takes_the_will_back(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        daemon.kill()
        said = helper(daemon)
        assert (said.returncode, said.stdout.strip()) == (0, "pump: told stop, acknowledged")
        wait_until(lambda: zigbee.orders, "the order")
        again = helper(daemon, "--now")
        assert (again.returncode, "all of it is done" in again.stdout) == (0, True)
        let_pass(13.0)
        assert zigbee.orders == [{"state": "OFF"}]
        daemon.start()
        (cause,) = [cause for cause, _ in decisions(daemon)]
        assert cause.startswith("death: the gateway was dead for 1s")
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert not (tmp_path / "gateway.db.fail-safe").exists()
        records = daemon.rows("SELECT kind FROM audit WHERE kind IN ('decision', 'command')")
        assert [kind for (kind,) in records].count("decision") == 1
        assert len(zigbee.orders) == 1


def test_the_helper_does_nothing_while_the_gateway_runs(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        said = helper(daemon)
        assert (said.returncode, said.stdout.strip()) == (0, "the gateway is back")
        assert zigbee.orders == []


def test_a_store_that_cannot_be_read_forbids_nothing(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    """The registry cannot be read either: what then is refused is refused by the bridge."""
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        daemon.kill()
        for file in tmp_path.glob("gateway.db*"):
            file.write_bytes(b"nothing" * 100)
        said = helper(daemon, "--now")
        assert said.returncode == 1
        assert "no_registry" in said.stdout


def test_a_broker_that_is_away_is_a_failure_that_is_told(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker)) as daemon:
        armed(zigbee, daemon)
        daemon.kill()
        broker.kill()
        said = helper(daemon, "--now")
        assert said.returncode == 1
        assert "no connection to local" in said.stdout
