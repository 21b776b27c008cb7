"""The worker tries to get out: a real process of its own, with every means and with each alone."""

import json
import platform
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.adapters.worker import Worker, WorkerSettings
from gateway.errors import PackageError
from gateway.models import seccomp
from tests.models import make

FAKE = Path(__file__).parents[1] / "fakes/escaping_worker.py"
FILES = {"read", "write", "list", "remove", "rename"}
"""What Landlock keeps by itself, beside TCP."""


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def tried(
    means: str, folder: Path, target: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """By which means it was shut in, and what came of each attempt."""
    package = make.write(folder / "package", make.autoencoder())
    (folder / "canary").write_text("alive")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("LANG", str(target.getsockname()[1]))
    worker = Worker(WorkerSettings(command=(sys.executable, str(FAKE), means)))
    worker.start()
    try:
        with pytest.raises(PackageError) as refused:
            worker.load("any", package.path)
        return worker.confined, json.loads(str(refused.value))
    finally:
        worker.stop()


def test_without_it_every_way_is_open(
    tmp_path: Path, target: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: an attempt that fails by itself would prove nothing."""
    _, came = tried("none", tmp_path, target, monkeypatch)
    closed = {name for name, what in came.items() if what != "done"}
    # "remove" took what "rename" and "change_mode" wanted; io_uring may be off in the kernel.
    assert closed <= {"rename", "change_mode", "io_uring"}


def test_shut_in_no_way_is_open(
    tmp_path: Path, target: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    means, came = tried("both", tmp_path, target, monkeypatch)
    if "seccomp" not in means:
        pytest.skip("needs a kernel with seccomp")
    assert {name: what for name, what in came.items() if what == "done"} == {}
    assert (tmp_path / "canary").read_text() == "alive"
    assert not (tmp_path / "left-behind").exists()


def test_seccomp_alone_shuts_every_way(
    tmp_path: Path, target: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernels of Raspberry Pi OS have no Landlock."""
    means, came = tried("seccomp", tmp_path, target, monkeypatch)
    if means != ("seccomp",):
        pytest.skip("needs a kernel with seccomp")
    assert set(came.values()) == {"Permission denied"}


def test_landlock_alone_keeps_files_and_tcp(
    tmp_path: Path, target: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    (means,), came = tried("landlock", tmp_path, target, monkeypatch)
    if not means:
        pytest.skip("needs a kernel with Landlock")
    version = int(means.removeprefix("landlock "))
    kept = FILES | ({"tcp"} if version >= 4 else set())
    assert {name: came[name] for name in kept if came[name] == "done"} == {}


def test_the_real_worker_is_shut_in_with_all_its_threads() -> None:
    worker = Worker()
    worker.start()
    try:
        if "seccomp" not in worker.confined:
            pytest.skip("needs a kernel with seccomp")
        states = [
            re.findall(r"^(?:NoNewPrivs|Seccomp):\s+(\d)", file.read_text(), re.MULTILINE)
            for file in Path(f"/proc/{worker.pid}/task").glob("*/status")
        ]
    finally:
        worker.stop()
    assert len(states) >= 2
    assert {tuple(one) for one in states} == {("1", "2")}


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_the_kernels(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"needs {header} (linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", Path(header).read_text())
    known = {name: int(number) for name, number in found}
    ours = {**seccomp.REFUSED[machine], **seccomp.THREADS[machine]}
    # a header that is older than a call does not know it
    assert {
        name: number for name, number in ours.items() if known.get(name, number) != number
    } == {}
    assert len(ours.keys() & known.keys()) > 60


def test_both_machines_are_refused_the_same() -> None:
    """But for the old forms of calls, which arm64 never had."""
    old = {"fork", "vfork", "open", "creat", "rename", "mkdir", "rmdir", "link", "unlink"}
    old |= {"symlink", "readlink", "chmod", "chown", "lchown", "mknod"}
    x86, arm = (set(seccomp.REFUSED[one]) for one in ("x86_64", "aarch64"))
    assert x86 - arm == old
    assert arm - x86 == set()


def test_another_machine_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert seccomp.refuse() == ""
