"""One daemon that lived a day, for all who look at what it published; two beside each other."""

from collections.abc import Iterator

import pytest

from tests.fakes.fleet import Fleet
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.telling import Story, day, running


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
