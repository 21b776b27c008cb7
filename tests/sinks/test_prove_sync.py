"""Sync through each sink, killed with its engine: ``scripts/prove_sync`` in short."""

from pathlib import Path

import pytest

from tests.fakes.clouds import CLOUDS, missing
from tests.fakes.sync_trial import Trial

pytestmark = pytest.mark.slow
ROWS, MANY = 3_000, 8_000


def needed(kind: str) -> None:
    if missing(kind):
        pytest.skip(f"needs {missing(kind)}")


@pytest.mark.parametrize("kind", CLOUDS)
def test_every_row_is_there_once_and_in_order(kind: str, tmp_path: Path) -> None:
    needed(kind)
    trial = Trial(kind, tmp_path, ROWS, lives_s=(1.5, 2.5), engine_every=1, most_kills=1)
    outcome = trial.run(60.0, least_kills=0)
    assert outcome.good, outcome


def test_the_rig_sees_a_sender_that_takes_what_it_handed_over_for_arrived(tmp_path: Path) -> None:
    needed("nats")
    outcome = Trial("nats", tmp_path, MANY, fault="early", odds=0.3).run(12.0, least_kills=0)
    assert outcome.finished, outcome
    assert outcome.lost, outcome


def test_the_rig_sees_a_sender_that_believes_its_own_notes(tmp_path: Path) -> None:
    needed("nats")
    outcome = Trial("nats", tmp_path, MANY, fault="late", odds=0.3).run(12.0, least_kills=0)
    assert outcome.finished, outcome
    assert outcome.double, outcome
