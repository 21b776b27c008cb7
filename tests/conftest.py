"""A real mosquitto for whoever asks for one."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tests.fakes.mosquitto import PROGRAM, Mosquitto

settings.register_profile("project", deadline=None)  # a busy machine is not a slow function
settings.load_profile("project")


def _needed() -> None:
    if PROGRAM is None:
        pytest.skip("needs mosquitto")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker that the whole run shares: leave it running, use your own topics and client ids."""
    _needed()
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto")).start()
    yield broker
    broker.kill()


@pytest.fixture
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Brokers of one's own, with lines of configuration; ``start()`` them."""
    _needed()
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path_factory.mktemp("mosquitto"), *lines))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
