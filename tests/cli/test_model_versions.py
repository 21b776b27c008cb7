"""Promote, roll back and look at versions from the command line, against a running daemon."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.errors import BrokerError
from tests.daemon.test_versions import RULES, package, reach, text
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.zigbee import Zigbee


def test_promote_rollback_and_versions(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    package(tmp_path / "old", "1.0.0")
    package(tmp_path / "new", "1.1.0", 91.0)
    broker = make_broker().start()
    with (
        Zigbee(broker.port) as zigbee,
        Daemon(tmp_path, text(zigbee, RULES.replace("probation: 20", "probation: 9000") + "}")) as (
            daemon
        ),
    ):
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "ready"})
        options = ["--config", str(daemon.file)]
        runner = CliRunner()
        promoted = runner.invoke(cli, ["model", "promote", "heat", *options])
        assert promoted.exit_code == 0, promoted.output
        assert "probation" in promoted.output
        listed = runner.invoke(cli, ["model", "versions", "--json", *options])
        (heat,) = json.loads(listed.output)
        assert [one["state"] for one in heat["versions"]] == ["retired", "probation"]
        back = runner.invoke(cli, ["model", "rollback", "heat", *options])
        assert "by command" in back.output
        refused = runner.invoke(cli, ["model", "promote", "heat", *options])
        assert isinstance(refused.exception, BrokerError)
        assert "no candidate" in str(refused.exception)
