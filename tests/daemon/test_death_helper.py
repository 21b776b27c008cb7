"""What is done when the gateway is dead by systemd's helper; and found again."""

from pathlib import Path

from gateway.config import keeping, lastgood
from tests.fakes.daemon import Daemon
from tests.fakes.dying import armed, decisions, helper, kept, text
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import Zigbee


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


def test_with_a_broken_file_the_helper_does_what_the_last_good_one_says(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(broker, "after: 1h, do: stop, on_death: 20m")) as daemon:
        armed(zigbee, daemon)
        snapshot = keeping.unpacked(lastgood.read(daemon.file).snapshot)
        keeping.place(tmp_path / "gateway.db").write_bytes(snapshot)
        daemon.file.write_text(daemon.file.read_text().replace("assets:", "assets: ["))
        daemon.kill()
        done = helper(daemon, "--now")
        assert (done.returncode, done.stdout) == (0, "pump: told stop, acknowledged\n"), done.stderr
        assert "as the last good file says" in done.stderr
        wait_until(lambda: zigbee.orders, "the order")
        daemon.start()  # in safe mode, in which nothing is left for its death
        zigbee.tell("plug", state="OFF", power=0)
        wait_until(lambda: "safe mode" in str(kept(daemon).get("refused")), "its last word")
        daemon.kill()
        daemon.folder.joinpath("gateway.db.fail-safe").unlink(missing_ok=True)
        done = helper(daemon, "--now")
        assert (done.returncode, done.stdout) == (1, "pump: stopped: safe mode\n")


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
