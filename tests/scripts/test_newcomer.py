"""A new user's path, in an empty environment, by the commands that the README names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.newcomer import NO_INDEX, Book

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_newcomer_gets_from_nothing_to_an_upgrade_and_off_again() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/prove_newcomer")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if done.returncode == NO_INDEX:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left: audit.key" in done.stdout


@pytest.mark.parametrize(
    ("line", "gaps"),
    [
        ("edge-gateway check gateway.yaml", []),
        ("edge-gateway chekc gateway.yaml", ["edge-gateway chekc"]),
        ("edge-gateway run --no-such-option", ["--no-such-option"]),
    ],
)
def test_a_step_that_the_readme_does_not_name_is_found(line: str, gaps: list[str]) -> None:
    assert Book(ROOT).gaps(line) == gaps
