"""A reload: what can hold at once does, what waits for a restart is named until then."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.main import cli
from tests.fakes.daemon import Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

PORT = "brokers.local.keepalive"


def reload(daemon: Daemon, *words: str) -> Result:
    """``edge-gateway reload``, as a user types it."""
    return CliRunner().invoke(cli, ["reload", "--config", str(daemon.file), *words])


def test_what_can_hold_at_once_does_and_the_rest_is_named_until_a_restart(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    good = pump(zigbee.port)
    changed = pump(
        zigbee.port,
        ("port: ", "keepalive: 30s, port: "),
        ("name: Pump", "name: Old pump"),
        ("level: debug", "level: warning"),
    )
    with Daemon(tmp_path, good) as daemon:
        zigbee.online()
        daemon.file.write_text(changed)
        said = reload(daemon, "--dry-run").output.splitlines()
        assert said[-1] == f"after a restart: {PORT}"
        assert sorted(said[:-1]) == [
            "would hold at once: assets.pump.name", "would hold at once: log.level",
        ]  # fmt: skip
        assert daemon.logged("configuration_loaded") == []
        told = json.loads(reload(daemon, "--json").output)
        assert sorted(told["changed"]) == ["assets.pump.name", "log.level"]
        assert told["restart_required"] == [PORT]
        wait_until(lambda: zigbee.newest("event").get("restart_required") == [PORT], "the event")
        wait_until(lambda: zigbee.newest("info")["restart_required"] == [PORT], "info")
        wait_until(lambda: zigbee.newest("info")["assets"][0]["name"] == "Old pump", "the name")
        assert any(f"restart to change {PORT}" in notice for notice in daemon.notices)
        assert daemon.logged("configuration_loaded") == []  # the level holds at once
        daemon.file.write_text(changed.replace("policy:", "polizy:"))
        refused = reload(daemon)
        assert refused.exit_code != 0
        assert "polizy" in str(refused.exception)
        daemon.file.write_text(changed)
        assert daemon.stop() == 0
        daemon.start()
        wait_until(lambda: zigbee.newest("info")["restart_required"] == [], "it is over")
        assert reload(daemon).output == "nothing has changed\n"
