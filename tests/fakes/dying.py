"""A gateway that dies with something declared for its death: what it left, and what was done."""

import json
import subprocess
import sys

from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

DEATH = "after: 1h, do: stop, on_death: 1s"


def text(broker: Mosquitto, safe: str = DEATH, *changes: tuple[str, str]) -> str:
    written = f"    fail_safe: {{{safe}}}\n    verdicts:\n"
    return pump(broker.port, ("    verdicts:\n", written), *changes)


def armed(zigbee: Zigbee, daemon: Daemon) -> None:
    """The pump runs, and its will lies with the broker."""
    before = len(daemon.logged("will_changed"))
    zigbee.online().tell("plug", state="ON", power=1200)
    wait_until(
        lambda: any(one["armed"] for one in daemon.logged("will_changed")[before:]), "the will"
    )
    wait_until(lambda: kept(daemon).get("armed"), "it is kept")


def kept(daemon: Records) -> dict[str, object]:
    rows = daemon.rows("SELECT text FROM kept WHERE room = 'fail_safe' AND key = 'pump'")
    return json.loads(rows[0][0]) if rows else {}


def decisions(daemon: Records) -> list[tuple[str, str]]:
    rows = daemon.rows("SELECT verdict, refused FROM decision ORDER BY rowid")
    return [(json.loads(verdict)["cause"], refused) for verdict, refused in rows]


def helper(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    """``edge-gateway fail-safe``, as systemd starts it."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "fail-safe", "--config", str(daemon.file), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "STATE_DIRECTORY": str(daemon.folder), "PATH": "/usr/bin"},
    )
