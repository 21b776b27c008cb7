"""A daemon that takes updates from a repository: what is done to it, and what it said of them."""

import json
from typing import Any

from click.testing import CliRunner

from gateway.cli.update import command as update_command
from tests.fakes.daemon import ROOT, Daemon
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.updates.plant import FILE, Plant

LOUD = f"assets:{FILE.partition('assets:')[2].replace('> 90', '> 80')}"
"""The sections of a configuration with another rule."""


def running(plant: Plant, zigbee: Zigbee, **parts: str) -> Daemon:
    """The daemon, with the gateway's file."""
    return Daemon(plant.gateway, plant.write(zigbee.port, **parts))


def by_hand(plant: Plant) -> None:
    """``edge-gateway update``, while the daemon runs."""
    env = {"EDGE_GATEWAY_TRUST_CLOCK": "1", "PYTHONPATH": str(ROOT)}
    words = ["--config", str(plant.file)]
    done = CliRunner().invoke(update_command, words, env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output


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
