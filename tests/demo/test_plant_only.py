"""The plant alone: a broker and devices for whoever brings a gateway of their own."""

import json
import signal
import subprocess
import sys

import pytest

from gateway.demo.plant import WEARING, Plant
from gateway.demo.plant_only import GONE_S, exchange


@pytest.fixture
def plant():
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--plant-only", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def test_it_says_where_its_broker_is_and_ends_when_it_is_told_to(plant):
    broker, radios = (json.loads(plant.stdout.readline()) for _ in range(2))
    assert (broker["kind"], broker["host"]) == ("broker", "127.0.0.1")
    assert broker["port"] > 0
    assert radios["pumps"] == 3
    plant.send_signal(signal.SIGTERM)
    assert plant.wait(20) == 130


def test_a_bearing_that_has_gone_is_exchanged_and_wears_again():
    plant = Plant(7, wear_start_s=0.0)
    pump = plant.pumps[WEARING]
    plant.step(GONE_S - 1)
    exchange(plant)
    assert pump.wear > 1
    plant.step(2)
    exchange(plant)
    assert pump.wear == 0
    plant.step(120)
    assert pump.wear > 0
