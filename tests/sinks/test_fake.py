"""The fake sink keeps what the real ones keep; without that it would prove nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.core.batches import Row, Stream
from gateway.core.sink_ports import Sink as Port
from tests.fakes.sink import LOST_ANSWER, Cloud, Settings, Sink
from tests.sinks import contract
from tests.sinks.contract import Check


class Rig:
    """The cloud in memory."""

    def __init__(self) -> None:
        self.cloud = Cloud(password="open", refuses=lambda row: str(row.get("bad", "")))

    def sink(self, stream: Stream) -> Port:
        return Sink(Settings(self.cloud, "open"), stream)

    def stranger(self, stream: Stream) -> Port:
        return Sink(Settings(self.cloud, "guessed"), stream)

    def rows(self, stream: Stream) -> list[Row]:
        return self.cloud.rows.get(stream, [])

    def bad_row(self) -> Row:
        return {**contract.reading(1), "bad": "out of range"}

    @contextmanager
    def losing(self) -> Iterator[None]:
        self.cloud.faults.append(LOST_ANSWER)
        yield

    def stop(self) -> None:
        self.cloud.away = True

    def start(self) -> None:
        self.cloud.away = False


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.mark.parametrize(
    "check",
    contract.checks(
        contract.KNOWS, contract.REFUSES, contract.STOPS, contract.LOSES, contract.LOCKS
    ),
)
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


@pytest.mark.parametrize("check", contract.checks())
def test_it_may_be_a_receiver_that_knows_nothing(check: Check, rig: Rig) -> None:
    rig.cloud.knows = False
    check(rig)
