"""What a daemon stands between; one that lived a day, for all who look; two beside each other."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.fleet import Fleet
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.telling import Story, day, running
from tests.fakes.zigbee import Zigbee

if TYPE_CHECKING:
    from tests.updates.plant import Plant


@pytest.fixture
def broker(make_broker: Callable[..., Mosquitto]) -> Mosquitto:
    """One for each test, not the one that the whole run shares: a gateway's topics are retained."""
    return make_broker().start()


@pytest.fixture
def zigbee(broker: Mosquitto) -> Iterator[Zigbee]:
    """The plug and the probe, at the broker of the test."""
    with Zigbee(broker.port) as zigbee:
        yield zigbee


@pytest.fixture
def plant(tmp_path: Path) -> Iterator["Plant"]:
    """What a gateway's updates come from."""
    from tests.updates.plant import Plant  # only who asks for it waits for tuf, numpy and onnx

    with Plant(tmp_path / "plant") as plant:
        yield plant


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """It still runs: leave it with the file it had."""
    if PROGRAM is None:
        pytest.skip("needs mosquitto")
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto")).start()
    with running(tmp_path_factory.mktemp("gateway"), broker) as story:
        day(story)
        yield story
    broker.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two gateways; each test leaves both running."""
    with Fleet(tmp_path_factory.mktemp("pair")) as fleet:
        fleet.start()
        yield fleet
