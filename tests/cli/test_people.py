"""The commands of people, against a running daemon."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import asking
from gateway.cli.main import cli
from gateway.errors import BrokerError, ConfigError
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


@pytest.fixture
def zigbee(make_broker: Callable[..., Mosquitto]) -> Iterator[Zigbee]:
    with Zigbee(make_broker().start().port) as zigbee:
        yield zigbee


@pytest.fixture
def daemon(tmp_path: Path, zigbee: Zigbee) -> Iterator[Daemon]:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        yield daemon


def run(daemon: Daemon, *words: str, code: int = 0) -> str:
    named = ["--config", str(daemon.folder / "gateway.yaml"), "--author", "anna"]
    result = CliRunner().invoke(cli, [*words, *named], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def state(zigbee: Zigbee) -> Any:
    return zigbee.newest("asset/pump/state")


def test_an_asset_is_held_and_released(daemon: Daemon, zigbee: Zigbee) -> None:
    said = run(daemon, "override", "pump", "--hold", "2h", "--reason", "new seal")
    assert said.startswith("pump: held, until 20")
    wait_until(lambda: state(zigbee).get("hold"), "the state shows it")
    assert (state(zigbee)["hold"]["author"], state(zigbee)["hold"]["reason"]) == (
        "anna",
        "new seal",
    )
    assert run(daemon, "override", "pump", "--release") == "pump: released\n"
    assert run(daemon, "override", "pump", "--release") == "pump: released: it was so already\n"


def test_a_forced_action_is_followed_to_its_proof(daemon: Daemon, zigbee: Zigbee) -> None:
    plug = Thread(target=zigbee.obey)
    plug.start()
    said = run(daemon, "override", "pump", "--force", "stop", "--reason", "leak", "--json")
    plug.join()
    told = json.loads(said)
    assert (told["action"], told["command"]["state"]) == ("stop", "confirmed")
    assert told["command"]["by"] == "person:anna"
    assert told["command"]["evidence"] == "proof: power 0.3 W < 5.0 W"
    words = ["explain", "pump", "--db", str(daemon.folder / "gateway.db")]
    wait_until(
        lambda: "forced by anna: leak" in CliRunner().invoke(cli, words).output, "it is explained"
    )
    assert "policy pump/person, mode act" in CliRunner().invoke(cli, words).output


def test_the_other_commands_say_what_they_did(daemon: Daemon, zigbee: Zigbee) -> None:
    assert run(daemon, "mode", "pump", "advise", "--for", "2h").startswith("pump: advise, until")
    assert run(daemon, "mode", "pump", "file") == "pump: as the file says\n"
    assert run(daemon, "mode", "--all", "shadow").startswith("all assets: at most shadow, until")
    assert run(daemon, "mode", "--all", "file") == "all assets: as the file says\n"
    assert run(daemon, "maintenance", "pump", "--on").startswith("pump: maintenance on, until")
    assert run(daemon, "maintenance", "pump", "--off") == "pump: maintenance off\n"
    assert run(daemon, "stop", "--reason", "smoke").startswith("stopped")
    with pytest.raises(BrokerError, match="refused: stopped"):
        run(daemon, "override", "pump", "--force", "stop")
    assert run(daemon, "resume") == "the gateway may act again\n"
    with pytest.raises(BrokerError, match="nothing is raised"):
        run(daemon, "acknowledge", "pump")
    zigbee.tell("probe", temperature=95)
    wait_until(lambda: zigbee.newest("asset/pump/alert"), "an alert")
    assert run(daemon, "acknowledge", "pump").startswith("pump: 1 alert acknowledged, until")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("override", "pump"), "one of --hold, --release, --force"),
        (("override", "pump", "--hold", "1h", "--release"), "one of"),
        (("override", "pump", "--hold", "1h", "--value", "3"), "--value goes with --force"),
        (("override", "a/b", "--hold", "1h"), "no asset is called"),
        (("mode", "pump"), "say ASSET MODE"),
        (("mode", "pump", "off"), "one of shadow, advise, act, file"),
        (("maintenance", "pump"), "--on"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    words: tuple[str, ...], why: str
) -> None:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == 2
    assert why in result.output


def test_a_mistake_elsewhere_in_the_file_keeps_nobody_from_stopping(daemon: Daemon) -> None:
    text = daemon.file.read_text()
    daemon.file.write_text(text.replace("label: alarm", "lable: alarm"))
    assert run(daemon, "stop", "--reason", "smoke").startswith("stopped")
    asked = ["query", "SELECT kind FROM audit WHERE kind = 'intervention'"]
    result = CliRunner().invoke(cli, [*asked, "--config", str(daemon.file)])
    assert "intervention" in result.output, result.output
    daemon.file.write_text(text.replace("host:", "hots:"))
    with pytest.raises(ConfigError, match="did you mean 'host'"):
        run(daemon, "resume")


def test_what_holds_is_listed_while_the_gateway_runs_and_after_its_death(daemon: Daemon) -> None:
    words = ["standing", "--config", str(daemon.file)]
    assert CliRunner().invoke(cli, words).output == "nothing: it is as the file says\n"
    run(daemon, "override", "pump", "--hold", "2h", "--reason", "new seal")
    run(daemon, "stop")
    daemon.kill()
    result = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    stop, hold = map(json.loads, result.output.splitlines())
    assert (stop["asset"], stop["kind"], stop["until"]) == ("gateway", "stop", None)
    assert [hold[key] for key in ("asset", "kind", "author", "reason")] == [
        *("pump", "hold", "anna", "new seal"),
    ]
    assert hold["until"] > hold["since"]
    assert "edge-gateway resume" in CliRunner().invoke(cli, words).output


def test_nobody_waits_for_a_gateway_that_says_it_is_offline(
    daemon: Daemon, zigbee: Zigbee, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon.stop() == 0
    wait_until(lambda: zigbee.availability == "offline", "the broker knows")
    monkeypatch.setattr(asking, "OFFLINE_S", 0.1)
    with pytest.raises(BrokerError, match="the gateway is offline"):
        run(daemon, "acknowledge", "pump")
