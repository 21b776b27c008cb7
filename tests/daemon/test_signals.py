"""Signals through the whole daemon: waveform -> reading -> store -> block -> model -> decision."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.press import Press, press, samples
from tests.fakes.waiting import wait_until

MakeBroker = Callable[..., Mosquitto]
G = 9.80665


@pytest.fixture
def broker(make_broker: MakeBroker) -> Mosquitto:
    return make_broker().start()


@pytest.fixture
def sensor(broker: Mosquitto) -> Iterator[Press]:
    with Press(broker.port) as sensor:
        yield sensor


def rungs(daemon: Daemon) -> list[tuple[str, str]]:
    return daemon.rows("SELECT rung, label FROM verdict ORDER BY id")


def test_a_damaged_bearing_is_found_in_its_waveform_and_explained_by_its_features(
    tmp_path: Path, broker: Mosquitto, sensor: Press
) -> None:
    with Daemon(tmp_path, press(broker.port)) as daemon:
        sensor.online()
        wait_until(lambda: daemon.logged("model_loaded"), "the model", 30)
        for seed in range(3):
            sensor.tell(samples("", 100 + seed))
        wait_until(lambda: ("model:bearing", "normal") in rungs(daemon), "a verdict", 20)
        for seed in range(6):
            sensor.tell(samples("outer", 200 + seed))
        wait_until(lambda: sensor.newest("asset/press-4/decision"), "a decision", 20)
        made = sensor.newest("asset/press-4/decision")
        assert made["verdict"]["rung"] == "model:bearing"
        wait_until(lambda: sensor.newest("asset/press-4/explanation"), "an explanation", 20)
        told = sensor.newest("asset/press-4/explanation")
        print(told)
        assert daemon.stop() == 0
