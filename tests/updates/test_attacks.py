"""Attacks on a repository: each refused with its reason, nothing changed, and its control."""

from pathlib import Path

import pytest

from tests.updates.attacks import ATTACKS, run


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_with_its_reason_and_without_it_the_update_is_taken(
    name: str, tmp_path: Path
) -> None:
    outcome = run(name, tmp_path / "plant")
    assert outcome.unchanged, outcome
    assert outcome.control, outcome
