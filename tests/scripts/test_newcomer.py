"""A new user's path, in an empty environment, by the commands that the README names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.newcomer import NO_INDEX, Book
from tests.fakes.ports import free_port

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


def test_without_a_package_index_it_says_so_before_the_first_step(tmp_path: Path) -> None:
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/prove_newcomer"), "--keep", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        check=False,
        env={key: one for key, one in os.environ.items() if not key.startswith("PIP_")} | nowhere,
    )
    assert done.returncode == NO_INDEX, done.stdout + done.stderr
    assert done.stderr.startswith("needs a package index: ")
    assert done.stdout == ""


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
