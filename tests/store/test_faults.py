"""Full disks, quotas and read-only file systems: the errors say so, and ``recover`` gets out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import StoreError, StoreFullError, StoreReadOnlyError
from gateway.store import connecting
from gateway.store.batch import Batch, StoredReport
from gateway.store.reader import Reader
from tests.fakes.disk import small_disk
from tests.store.samples import (
    NOW_MS,
    crash,
    decision,
    metric,
    open_store,
    order,
    report,
    reports,
    settings,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
TEXT = (metric("text"),)


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    """A disk of 12 MB that may be filled and made read-only."""
    with small_disk(tmp_path / "disk", "12m") as place:
        yield place


def fat(first, n=200):
    """Reports of a kilobyte each."""
    made = [report(first + i, ["x" * 1_000], metrics=TEXT) for i in range(n)]
    return Batch(reports=[StoredReport(one, first + i + 1) for i, one in enumerate(made)])


def fill_others(place: Path):
    """Another program takes the rest of the disk."""
    handle = os.open(place / "others", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(handle, b"x" * 4096):
            pass
    except OSError:
        os.close(handle)


def commit_until_full(store):
    """Commit until the disk is full; how many reports are in."""
    n = 0
    while True:
        try:
            store.commit(fat(n))
        except StoreFullError:
            return n
        n += 200


@needs_root
def test_a_full_disk_is_survived_and_nothing_committed_is_lost_uncounted(disk):
    store = open_store(settings(disk, ballast_bytes=4 << 20, max_bytes=64 << 20))
    assert store.health().ballast
    n = commit_until_full(store)
    assert store.health().state == "full"
    store.recover()
    assert not store.health().ballast
    waiting = fat(n)
    waiting.decisions, waiting.commands = [decision()], [order()]
    store.commit(waiting)
    assert store.health().state == "ok"
    assert len(store.open_commands()) == 1
    gone = store.counters()["dropped.report", "full"]
    assert gone + len(list(store.tail(0))) == n + 200
    store.close()


@needs_root
def test_the_store_opens_on_a_full_disk(disk):
    given = settings(disk, ballast_bytes=4 << 20)
    store = open_store(given)
    store.commit(fat(0))
    store.close()
    fill_others(disk)
    store = open_store(given)
    store.commit(fat(200))
    assert len(list(store.tail(0))) == 400
    store.close()


@needs_root
def test_control_without_reserve_it_does_not_open_on_a_full_disk(disk):
    open_store(settings(disk)).close()
    fill_others(disk)
    with pytest.raises(StoreError):
        open_store(settings(disk))


@needs_root
def test_a_disk_filled_by_others_heals_by_itself_and_when_they_leave(disk):
    given = settings(disk, ballast_bytes=4 << 20, max_bytes=8 << 20, min_free_bytes=1 << 19)
    store = open_store(given)
    store.commit(fat(0, 1_000))
    fill_others(disk)
    n = 1_000
    for _ in range(40):
        try:
            store.commit(fat(n))
        except StoreFullError:
            store.recover()
            store.commit(fat(n))
        n += 200
        store.maintain(NOW_MS, clock_ok=True)
    gone = sum(k for (scope, _), k in store.counters().items() if scope == "dropped.report")
    assert gone + len(list(store.tail(0))) == n
    (disk / "others").unlink()
    while store.maintain(NOW_MS, clock_ok=True).more:
        pass
    assert store.health().ballast
    store.close()


@needs_root
def test_control_without_reserve_and_small_wal_a_full_disk_deadlocks(disk, monkeypatch):
    monkeypatch.setattr(connecting, "CHECKPOINT_PAGES", 1_000_000)
    store = open_store(settings(disk))
    commit_until_full(store)
    fill_others(disk)
    with pytest.raises(StoreFullError):
        store.recover()
    store._connection.close()
    os.close(store._lock)


def test_the_quota_is_a_wall_and_recover_makes_room(tmp_path):
    store = open_store(settings(tmp_path, max_bytes=1 << 20))
    n = commit_until_full(store)
    assert store.health().bytes <= 1 << 20
    store.recover()
    store.commit(fat(n))
    assert store.counters()["dropped.report", "full"] > 0
    assert store.recent_keys(1) == [n + 200]
    store.close()


@pytest.fixture
def card(tmp_path):
    """An ext4 file system that can be made to fail: its folder and its image."""
    place, image = tmp_path / "card", tmp_path / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    try:
        sh("mkfs.ext4", "-q", "-m", "0", str(image))
        sh("mount", "-o", "loop", str(image), str(place))
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"cannot make an ext4 disk: {error}")
    yield place, image
    sh("umount", "-l", str(place))


@needs_root
def test_a_file_system_that_turns_read_only_loses_nothing(card):
    place, image = card
    store = open_store(settings(place))
    store.commit(reports(0, 3))
    sh("mount", "-o", "remount,abort", str(place))
    with pytest.raises(StoreReadOnlyError):
        store.commit(reports(3, 6))
    assert store.health().state == "read_only"
    with pytest.raises(StoreError):
        store.recover()
    with pytest.raises(StoreReadOnlyError, match="recover"):
        store.commit(reports(3, 6))
    crash(store)
    sh("umount", str(place))
    sh("mount", "-o", "loop", str(image), str(place))
    store = open_store(settings(place))
    assert len(list(store.tail(0))) == 3 * 7
    store.close()


@needs_root
def test_opening_on_a_read_only_file_system_says_so_and_reading_works(disk):
    store = open_store(settings(disk))
    store.commit(reports(0, 3))
    store.close()
    sh("mount", "-o", "remount,ro", str(disk))
    with pytest.raises(StoreReadOnlyError):
        open_store(settings(disk))
    with Reader.open(disk / "gateway.db") as reader:
        assert len(reader.readings("pump-7", 0)) == 21


SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static int n(void){static int v=-1;
  if(v<0){const char*e=getenv("FAIL_AT"); v=e?atoi(e):0;} return v;}
static int calls;
static int db(int fd){char p[64],t[512];snprintf(p,64,"/proc/self/fd/%d",fd);
  ssize_t k=readlink(p,t,511); if(k<0) return 0; t[k]=0; return strstr(t,"gateway.db")!=0
  && !strstr(t,"-shm") && !strstr(t,".lock");}
static int fail(int fd){if(!getenv("ARMED")||!db(fd)) return 0; ++calls;
  return calls>=n() && calls<n()+(getenv("LONG")?9:1);}
ssize_t pwrite64(int fd,const void*b,size_t s,off_t o){
  if(fail(fd)){errno=getenv("FULL")?ENOSPC:EIO;return -1;} return syscall(SYS_pwrite64,fd,b,s,o);}
ssize_t pwrite(int fd,const void*b,size_t s,off_t o){return pwrite64(fd,b,s,o);}
int fdatasync(int fd){if(fail(fd)){errno=EIO;return -1;} return syscall(SYS_fdatasync,fd);}
int fsync(int fd){if(fail(fd)){errno=EIO;return -1;} return syscall(SYS_fsync,fd);}
"""

WORK = """
import ctypes, os, sys
from pathlib import Path
from gateway.errors import StoreError
from tests.store.samples import *
setenv = ctypes.CDLL(None).setenv
store = open_store(settings(Path(sys.argv[1])))
setenv(b"ARMED", b"1", 1)
failures = 0
for n in range(12):
    batch = reports(n * 100, n * 100 + 100)
    batch.counts["mqtt", "messages"] = 100
    stored = False
    while not stored:
        try:
            store.commit(batch)
            stored = True
        except StoreError:
            failures += 1
        while not stored:
            try:
                store.recover()
                break
            except StoreError:
                pass
print(failures, flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    place = tmp_path_factory.mktemp("shim")
    (place / "fail.c").write_text(SHIM)
    try:
        sh("cc", "-O1", "-shared", "-fPIC", "-o", str(place / "fail.so"), str(place / "fail.c"))
    except FileNotFoundError:
        pytest.skip("needs cc")
    return place / "fail.so"


@pytest.mark.parametrize("kind", ["ONCE", "FULL", "LONG"])
@pytest.mark.parametrize("nth", [1, 2, 5, 17, 41, 76, 150, 300])
def test_an_io_error_at_any_call_loses_and_doubles_nothing(tmp_path, shim, nth, kind):
    environment = os.environ | {"LD_PRELOAD": str(shim), "FAIL_AT": str(nth), kind: "1"}
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    store = open_store(settings(tmp_path))
    assert store.opened.set_aside is None
    keys = store.recent_keys(5_000)
    gone = sum(k for (scope, _), k in store.counters().items() if scope == "dropped.report")
    assert len(set(keys)) == len(keys)
    assert len(keys) == 1_199 - max(gone - 1, 0)  # the first report has no key
    assert store.counters()["mqtt", "messages"] == 1_200
    assert int(done.stdout) >= (nth < 150)
    store.close()
