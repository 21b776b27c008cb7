"""The process of sync by itself: told what to do on stdin, heard on stdout, ended by a signal."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.store.batch import Batch
from gateway.sync.spec import SinkSpec, Spec
from tests.fakes.daemon import ROOT
from tests.sync.rooms import POWER, open_store, stored

READINGS = {"kinds": ["readings"], "assets": [], "metrics": [], "pseudonyms": False}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    store = open_store(tmp_path)
    store.commit(Batch(reports=[stored(n, (POWER, float(n)), at_ms=n) for n in range(1, 51)]))
    yield tmp_path / "gateway.db"
    store.close()


def spec(database: Path, *sinks: SinkSpec) -> Spec:
    own = str(database.with_name("key"))
    return Spec("north", str(database), f"{database}.sync.db", "", own, os.getpid(), sinks)


@contextmanager
def running(what: Spec) -> "Iterator[subprocess.Popen[bytes]]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "gateway.sync"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        process.stdin.write(what.line())
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def heard(process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """Every lane that it tells of, again and again, and every event."""
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        yield from told.get("lanes", [told])


def until(process: "subprocess.Popen[bytes]", **wanted: object) -> dict[str, Any]:
    for told in heard(process):
        if wanted.items() <= told.items():
            return told
    pytest.fail(f"it ended without {wanted}")


def to_file(name: str, folder: Path | str) -> SinkSpec:
    return SinkSpec(name, "file", {"to_folder": str(folder)}, READINGS, every_ms=200)


def test_a_cloud_that_cannot_be_made_costs_no_other(database: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    bad = SinkSpec("bad", "http", {"url": "ftp://nowhere"}, READINGS)
    sinks = (bad, to_file("good", tmp_path / "out"))
    with running(spec(database, *sinks)) as process:
        assert until(process, event="sync_lane_failed", sink="bad")["error"]
        until(process, sink="good", lane="live", sent=50)


def test_a_call_that_hangs_does_not_hold_up_the_end(database: Path) -> None:
    """The time-outs of the sink are far longer than anybody waits here."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = {"url": url, "timeout_s": 3_600.0, "connect_timeout_s": 3_600.0}
        with running(spec(database, SinkSpec("hq", "http", settings, READINGS))) as process:
            peer, _ = silent.accept()
            with peer:
                process.terminate()
                assert process.wait(60) == 0


def test_it_ends_with_its_input(database: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with running(spec(database, to_file("good", tmp_path / "out"))) as process:
        until(process, sink="good", lane="live", sent=50)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def test_hours_wait_for_the_word_that_the_clock_is_right(database: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    sink = to_file("good", tmp_path / "out")
    always = SinkSpec(
        sink.name, sink.kind, sink.settings, READINGS, hours="Mo-Su 00:00-24:00 UTC", every_ms=200
    )
    with running(spec(database, always)) as process:
        until(process, lane="live", waits="hours", sent=0)
        assert process.stdin is not None
        process.stdin.write(b'{"clock_ok": true}\n')
        process.stdin.flush()
        until(process, lane="live", sent=50)


def test_a_spec_that_is_none_is_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.sync"],
        input=b"{}\n",
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
