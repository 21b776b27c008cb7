"""The cloud away for 15 days, and back: the short form of scripts/prove_outage.

400 times less of everything but the days, and 1 MiB for the database. How fast it is, and how late
what is live, only the script says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.away import SLACK, Gateway, plan
from tests.fakes.away_proof import Found, catch_up, look
from tests.fakes.receiver import Receiver

pytestmark = pytest.mark.slow
SMALL = replace(plan(400), quota=1 << 20)


@pytest.fixture(scope="module")
def back(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Receiver, Found]]:
    """It was away, and holds everything again."""
    folder = tmp_path_factory.mktemp("away")
    gateway, receiver = Gateway(folder, SMALL), Receiver(folder)
    gateway.live_through()
    found = catch_up(gateway, receiver, patience_s=120)
    yield gateway, receiver, found
    gateway.close()


def lost(found: Found) -> list[str]:
    """Faults that no busy machine can cause."""
    return [one for one in found.faults if "late" not in one]


def test_what_the_limits_left_arrives_once_and_in_order(
    back: tuple[Gateway, Receiver, Found],
) -> None:
    found = look(*back)
    assert lost(found) == []
    assert 0 < found.lost < found.reports
    assert found.live_rows


def test_control_a_row_that_is_missing_is_seen(
    back: tuple[Gateway, Receiver, Found], tmp_path: Path
) -> None:
    gateway, receiver, found = back
    other = Receiver(tmp_path)
    with (
        closing(sqlite3.connect(receiver.path)) as cloud,
        closing(sqlite3.connect(other.path)) as short,
    ):
        cloud.backup(short)
        short.execute("DELETE FROM row WHERE kind = 'alert' AND seq = 7")
        short.commit()
    assert [one.split(":")[0] for one in lost(look(gateway, other, replace(found)))] == [
        "events",
        f"{SMALL.alerts - 1} alerts of {SMALL.alerts}, or not in order",
    ]


def test_control_a_disk_that_grows_is_seen(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, replace(SMALL, limited=False))
    assert gateway.live_through().most_bytes > SMALL.quota + SLACK
    gateway.close()
