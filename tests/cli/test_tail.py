"""``edge-gateway tail``: what happens, on one line each."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytestmark = pytest.mark.broker
MakeBroker = Callable[..., Mosquitto]


class Tail:
    """A tail that runs."""

    def __init__(self, file: Path, *words: str) -> None:
        self._out = file.with_name("tail.out")
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "tail", *words, "--config", str(file)],
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def site(tmp_path: Path, make_broker: MakeBroker) -> tuple[Path, Mosquitto]:
    broker = make_broker().start()
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(broker.port))
    return file, broker


def said_until(tail: Tail, peer: Peer, topic: str, payload: bytes, word: str) -> list[str]:
    """Say it again until tail, which may still connect, has shown it."""

    def shown() -> bool:
        peer.publish(topic, payload)
        return any(word in line for line in tail.lines)

    wait_until(shown, f"{word} is shown")
    return tail.lines


def test_readings_of_an_asset_and_of_nobody(site: tuple[Path, Mosquitto]) -> None:
    file, broker = site
    with Tail(file) as tail, Peer(broker.port) as peer:
        said_until(tail, peer, "zigbee2mqtt/probe", b'{"temperature": 21.5}', "temperature")
        lines = said_until(tail, peer, "zigbee2mqtt/odd\u202eone", b'{"x": 3}', "odd")
    assert any("reading   pump  temperature 21.5 degC" in line for line in lines)
    assert any("zigbee/odd�one" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_an_asset_or_a_topic_alone(site: tuple[Path, Mosquitto]) -> None:
    file, broker = site
    with Tail(file, "pump") as tail, Peer(broker.port) as peer:
        peer.publish("zigbee2mqtt/other", b'{"x": 3}')
        lines = said_until(tail, peer, "zigbee2mqtt/probe", b'{"temperature": 21.5}', "pump")
    assert all("pump" in line for line in lines)
    with Tail(file, "zigbee2mqtt/probe", "--raw", "--json", "--count", "1") as tail:
        with Peer(broker.port) as peer:
            said_until(tail, peer, "zigbee2mqtt/probe", b'{"temperature": 22}', "22")
        assert tail.process.wait(20) == 0
        (line,) = map(json.loads, tail.lines)
    assert (line["topic"], line["payload"]) == ("zigbee2mqtt/probe", '{"temperature": 22}')


def test_what_the_gateway_thinks_and_does(tmp_path: Path, make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    with (
        Zigbee(broker.port) as zigbee,
        Daemon(tmp_path, pump(broker.port)) as daemon,
        Tail(tmp_path / "gateway.yaml", "--json") as tail,
        Peer(broker.port) as peer,
    ):
        zigbee.online()
        said_until(tail, peer, "zigbee2mqtt/probe", b'{"temperature": 20}', "reading")
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "an alert, and its order")
        wait_until(lambda: "confirmed" in _states(tail.lines), "it is told")
        told = [json.loads(line) for line in tail.lines]
    kinds = {one["kind"] for one in told}
    assert {"reading", "verdict", "decision", "command", "alert"} <= kinds
    (decision,) = [one for one in told if one["kind"] == "decision"]
    assert (decision["about"], decision["label"], decision["action"]) == ("pump", "alarm", "stop")


def _states(lines: list[str]) -> list[Any]:
    return [json.loads(line).get("state") for line in lines if '"command"' in line]


def test_a_broker_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(free_port()))
    with Tail(file) as tail:
        assert tail.process.wait(30) == 1
        (line,) = tail.lines
    assert line.startswith("edge-gateway: broker local: ")


def test_it_ends_after_the_time_given(site: tuple[Path, Mosquitto]) -> None:
    with Tail(site[0], "--for", "100ms") as tail:
        assert tail.process.wait(30) == 0
        assert tail.lines == []
