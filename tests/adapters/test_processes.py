"""What a process beside the daemon sees of the environment, and how its memory is read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.adapters.processes import environment, resident_bytes


def test_it_sees_the_package_and_no_more_of_the_environment_than_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "TZ"):
        monkeypatch.setenv(name, "there")
    monkeypatch.delenv("TMPDIR", raising=False)
    seen = environment("TZ", "TZDIR", MALLOC_ARENA_MAX="2")
    assert (seen["TZ"], seen["MALLOC_ARENA_MAX"]) == ("there", "2")
    assert seen["PATH"] == os.environ["PATH"]
    assert not {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "TMPDIR", "TZDIR"} & set(seen)
    assert (Path(seen["PYTHONPATH"]) / "gateway").is_dir()


def test_memory_is_read_while_the_process_is_there() -> None:
    assert resident_bytes(os.getpid()) > 1e6
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    assert resident_bytes(process.pid) == 0
