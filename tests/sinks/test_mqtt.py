"""The MQTT sink beside a real mosquitto and a receiver in a process of its own."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.core.batches import Row, Stream
from gateway.sinks import mqtt
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_receiver import UNWANTED, Receiver
from tests.sinks import contract
from tests.sinks.contract import Check, reading


class Rig:
    """``tests.sinks.contract.Rig`` for MQTT."""

    def __init__(self, port: int, folder: Path, **settings: Any) -> None:
        self.topic = f"sync-{uuid4().hex[:8]}"
        self.receiver = Receiver(port, folder, self.topic).start()
        self.settings = mqtt.Settings(
            host="127.0.0.1", port=port, topic=self.topic, tls=False, **settings
        )

    def sink(self, stream: Stream, **settings: Any) -> mqtt.Sink:
        settings = {"client_id": uuid4().hex[:8], "timeout_s": 20.0} | settings
        return mqtt.Sink(replace(self.settings, **settings), stream)

    def rows(self, stream: Stream) -> list[Row]:
        return self.receiver.rows(stream)

    def bad_row(self) -> Row:
        return reading(0, kind=UNWANTED)

    def stranger(self, stream: Stream) -> mqtt.Sink:
        raise NotImplementedError  # see the test of a broker that asks for passwords

    def losing(self) -> AbstractContextManager[object]:
        raise NotImplementedError  # see the test of a frozen receiver

    def stop(self) -> None:
        self.receiver.kill()

    def start(self) -> None:
        self.receiver.start()


@pytest.fixture(scope="module")
def rig(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One receiver for all tests, which have streams of their own."""
    rig = Rig(broker.port, tmp_path_factory.mktemp("receiver"))
    yield rig
    rig.receiver.kill()


@pytest.mark.parametrize("check", contract.checks(contract.KNOWS, contract.REFUSES, contract.STOPS))
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)
