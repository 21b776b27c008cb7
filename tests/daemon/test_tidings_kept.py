"""Alerts wait in the database while their cloud is away, and are forgotten once it has them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.receiver import Receiver
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytestmark = pytest.mark.broker
CLOUD = """
cloud: {sync: {hq: {sink: http, url: URL, send: [alerts, health], every: 200ms}}}
"""


def waiting(folder: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(folder / "gateway.db")) as store:
        return store.execute("SELECT kind, asset, body FROM sync_row ORDER BY id").fetchall()


def test_an_alert_waits_for_its_cloud_though_nobody_else_is_told(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    receiver = Receiver(cloud)
    file = pump(zigbee.port) + CLOUD.replace("URL", receiver.url)
    with Daemon(tmp_path, file) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95.0)
        wait_until(
            lambda: {"alert", "health"} <= {kind for kind, _, _ in waiting(tmp_path)},
            "an alert and health wait",
        )
        (alert,) = (one for one in waiting(tmp_path) if one[0] == "alert")
        assert alert[1] == "pump"
        assert json.loads(alert[2])["kind"] == "raised"
        daemon.kill()
        with receiver:
            daemon.start()
            wait_until(
                lambda: "alert" not in {kind for kind, _, _ in waiting(tmp_path)},
                "the cloud has it, and it is forgotten",
            )
            query = "SELECT json_extract(body, '$.body') FROM row WHERE kind = 'alert'"
            first, *_ = receiver.query(query)
        assert json.loads(first[0]) == json.loads(alert[2])
        daemon.stop()
        daemon.file.write_text(pump(zigbee.port))
        daemon.start()
        wait_until(lambda: not waiting(tmp_path), "no cloud wants anything: all is forgotten")
