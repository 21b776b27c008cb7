"""Several gateways on one broker: one commands each asset, another one when it is gone."""

import json
import re
import subprocess

import pytest
from click.testing import CliRunner

from gateway.cli.fleet import command as fleet_command
from tests.fakes.fleet import Fleet, played
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.waiting import wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto"),
    pytest.mark.slow,
]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_each_alarm_is_acted_on_once_whoever_dies_or_sleeps(pair: Fleet, fault: str) -> None:
    played(pair, 3, fault)


def test_a_broker_that_forgot_everything_has_one_commander_for_each(pair: Fleet) -> None:
    pair.whole()
    pair.restart_broker()
    played(pair, 6, "kill")


def test_the_command_line_tells_who_commands(pair: Fleet) -> None:
    pair.whole()
    file = str(pair.daemons["a"].file)
    told = CliRunner().invoke(fleet_command, ["--config", file, "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.output)
    assert {name: one["holder"] for name, one in document.items()} == {"a": "a", "b": "b"}
    listed = {asset: name for name, one in document.items() for asset in one["assets"]}
    assert listed == {f"pump-{n}": owner for n, owner in pair.owner.items()}
    pair.daemons["b"].kill()
    wait_until(lambda: pair.holder("b") == "a", "a commands for b")
    told = CliRunner().invoke(fleet_command, ["--config", file])
    assert told.exit_code == 0, told.output
    (line,) = (one for one in told.output.splitlines() if one.startswith("b "))
    assert re.match(r"b +no +a +\d+ ", line), told.output
    pair.daemons["b"].start()


def test_health_says_who_commands(pair: Fleet) -> None:
    pair.whole()
    wanted = ["mosquitto_sub", "-p", str(pair.mosquitto.port), "-C", "1", "-W", "20"]

    def health() -> dict[str, dict[str, object]]:
        said = subprocess.run([*wanted, "-t", "edge/a/health"], capture_output=True, check=True)
        return json.loads(said.stdout)["fleet"]["slots"]

    wanted_roles = {"a": "commander", "b": "standby"}
    wait_until(
        lambda: {name: one["role"] for name, one in health().items()} == wanted_roles, "it is shown"
    )
    shown = health()["b"]
    assert shown["line"] == ["b", "a"]
    assert shown["assets"] == [f"pump-{n}" for n, owner in pair.owner.items() if owner == "b"]
