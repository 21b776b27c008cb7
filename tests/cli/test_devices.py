"""``edge-gateway devices``: what is there, what is used, and what could be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway import config
from gateway.cli.main import cli
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


def devices(file: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["devices", "--config", str(file), *words])
    assert result.exit_code == code, result.output
    return result.stdout


def listed(file: Path, *words: str, code: int = 0) -> dict[str, Any]:
    lines = map(json.loads, devices(file, "--json", *words, code=code).splitlines())
    return {one["device"]: one for one in lines}


@pytest.mark.broker
def test_mapped_and_unmapped_heard_and_silent(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    broker = make_broker().start()
    file = tmp_path / "gateway.yaml"
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=21.5)
        zigbee.tell("hall sensor", humidity=40.5, battery=80)
        wait_until(lambda: daemon.values("temperature") == [21.5], "a reading")
        wait_until(lambda: "hall sensor" in listed(file), "the gateway tells of it")
        found = listed(file)
        assert found["probe"]["assets"] == ["pump"]
        assert found["probe"]["metrics"] == {"temperature": "degC"}
        assert found["probe"]["last_heard"]
        assert found["plug"]["assets"] == ["pump"]
        assert "hall sensor" in listed(file, "--unmapped")
        assert "probe" not in listed(file, "--unmapped")
        assert "temperature [degC]" in devices(file)
    found = listed(file)
    assert found["probe"]["last_heard"]


@pytest.mark.broker
def test_the_section_to_paste_fits(tmp_path: Path, make_broker: Callable[..., Mosquitto]) -> None:
    broker = make_broker("persistence false").start()
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(broker.port))
    with Peer(broker.port) as peer:
        peer.publish("zigbee2mqtt/hall, [sensor]", b'{"humidity": 40.5}', retain=True)
        peer.publish("zigbee2mqtt/probe", b'{"temperature": 4}', retain=True)
        section = devices(file, "--yaml", "--listen-for", "500ms")
    assert section.startswith("assets:\n")
    file.write_text(file.read_text() + section.removeprefix("assets:\n"))
    settings = config.load(file)
    metric = settings.assets["hall-sensor"].metrics["humidity"]
    assert (metric.device, metric.unit) == ("hall, [sensor]", "%RH")
    assert settings.assets.keys() == {"pump", "hall-sensor"}


def test_with_neither_gateway_nor_database_the_file_is_all(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(free_port()))
    found = listed(file, "--wait", "1", code=1)
    assert found["probe"]["last_heard"] is None
