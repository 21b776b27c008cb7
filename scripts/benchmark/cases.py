"""The measurements: each gives the figures of one round."""

import os
import time
from collections.abc import Callable, Mapping
from math import nan
from typing import NamedTuple

from scripts.benchmark import calls as worker_calls
from scripts.benchmark import living, meters
from scripts.benchmark.receivers import BarePaho, Daemon, MosquittoSub, Naive, Receiver, SparseNaive
from scripts.benchmark.rig import Disk, broker, load, until

Figures = dict[str, float]


class Size(NamedTuple):
    """How much is measured."""

    messages: int
    """Of a flood; the naive scripts get a tenth of them."""
    paced: int
    """Messages at 50 a second."""
    idle_s: float
    calls: int
    """To the worker, of each kind."""
    syncs: int


FULL = Size(messages=40_000, paced=1_000, idle_s=20.0, calls=500, syncs=300)
QUICK = Size(messages=2_000, paced=100, idle_s=1.0, calls=20, syncs=10)
WARM = 2_048
RATE = 50.0
SYNC_LOG_BYTES, SYNC_BYTES, SYNC_EVERY_S = 2 * 1024**2, 12 * 1024, 0.05


def flood(kind: type[Receiver], disk: Disk, messages: int) -> tuple[Figures, Receiver]:
    """CPU per message and messages a second of one receiver, from warm to the last message."""
    folder = disk.folder()
    with broker(folder) as port:
        receiver = kind(port, folder)
        total = WARM + messages
        receiver.start((WARM, total))
        try:
            load(port, 0, WARM)
            until(lambda: receiver.done() >= WARM, "the warm-up")
            time.sleep(0.3)  # what it still does with the warm-up is not counted
            device, written = disk.written(), meters.written_bytes(receiver.pid)
            cpu_s = meters.cpu_s(receiver.pid)
            said = load(port, WARM, messages)
            until(lambda: receiver.done() >= total, "the last message")
            seconds = time.perf_counter() - said["began"]
            cpu_s = meters.cpu_s(receiver.pid) - cpu_s
            figures = {
                "cpu_us": cpu_s / messages * 1e6,
                "rate": messages / seconds,
                "load_rate": said["rate"],
                "process_bytes": (meters.written_bytes(receiver.pid) - written) / messages,
                "device_bytes": (disk.written() - device) / messages,
            }
            if isinstance(receiver, Daemon):
                figures |= _memory(receiver)
        finally:
            receiver.stop()
    return figures, receiver


def _memory(daemon: Daemon) -> Figures:
    worker = meters.worker(daemon.pid)
    found = {"daemon_mb": meters.resident_mb(daemon.pid)}
    return found | ({"worker_mb": meters.resident_mb(worker)} if worker else {})


def mosquitto_sub(disk: Disk, size: Size) -> Figures:
    return flood(MosquittoSub, disk, size.messages)[0]


def bare_paho(disk: Disk, size: Size) -> Figures:
    return flood(BarePaho, disk, size.messages)[0]


def naive(disk: Disk, size: Size) -> Figures:
    return flood(Naive, disk, size.messages // 10)[0]


def sparse(disk: Disk, size: Size) -> Figures:
    return flood(SparseNaive, disk, size.messages // 10)[0]


def daemon(disk: Disk, size: Size) -> Figures:
    figures, receiver = flood(Daemon, disk, size.messages)
    assert isinstance(receiver, Daemon)
    lost, commands = receiver.lost(WARM + size.messages), receiver.commands()
    return figures | {"lost": lost, "commands": commands, "start_s": receiver.start_s}


class _Counted(Daemon):
    """Stores every verdict, so that they can be counted; the others store changes."""

    keep_verdicts = True


def verdicts(disk: Disk, size: Size) -> Figures:
    _, receiver = flood(_Counted, disk, size.messages)
    assert isinstance(receiver, Daemon)
    return {"per_message": receiver.judged() / (WARM + size.messages)}


class _Rule(Daemon):
    kind = "rule"


class _Model(Daemon):
    kind = "model"


class _Idle(Daemon):
    kind = "idle"


def paced(kind: type[Daemon], disk: Disk, size: Size, overload: str) -> Figures:
    """Latencies and bytes at fifty messages a second."""
    folder = disk.folder()
    with broker(folder) as port:
        one = kind(port, folder)
        one.start()
        try:
            load(port, 0, 5 * 16, RATE, overload)
            time.sleep(0.3)
            device, written = disk.written(), meters.written_bytes(one.pid)
            cpu_s = meters.cpu_s(one.pid)
            said = load(port, 5 * 16, size.paced, RATE, overload)
            cpu_s = meters.cpu_s(one.pid) - cpu_s
            process_bytes = meters.written_bytes(one.pid) - written
            device_bytes = disk.written() - device
            memory = _memory(one)
        finally:
            one.stop()
    times = sorted(said["latencies_ms"])
    return memory | {
        "p50_ms": _part(times, 0.5),
        "p99_ms": _part(times, 0.99),
        "max_ms": _part(times, 1.0),
        "answered": len(times),
        "unanswered": said["unanswered"],
        "cpu_us": cpu_s / size.paced * 1e6,
        "process_bytes": process_bytes / size.paced,
        "device_bytes": device_bytes / size.paced,
    }


def _part(times: list[float], part: float) -> float:
    return times[min(len(times) - 1, int(part * len(times)))] if times else nan


def rule(disk: Disk, size: Size) -> Figures:
    return paced(_Rule, disk, size, "often")


def model(disk: Disk, size: Size) -> Figures:
    return paced(_Model, disk, size, "often")


def sync(disk: Disk, size: Size) -> Figures:
    """What no gateway beats: a commit's bytes written over, and synced, as often as commits are."""
    file = disk.folder() / "log"
    file.write_bytes(bytes(SYNC_LOG_BYTES))
    times = []
    with file.open("r+b", buffering=0) as log:
        os.fsync(log.fileno())
        for number in range(size.syncs):
            time.sleep(SYNC_EVERY_S)
            began = time.perf_counter()
            log.seek(number * SYNC_BYTES % (SYNC_LOG_BYTES - SYNC_BYTES))
            log.write(bytes(SYNC_BYTES))
            os.fdatasync(log.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": _part(sorted(times), 0.5), "p99_ms": _part(sorted(times), 0.99)}


def steady(disk: Disk, size: Size) -> Figures:
    """The site of the flood's models at an ordinary rate: about one command a second."""
    return paced(_Idle, disk, size, "seldom")


def idle(disk: Disk, size: Size) -> Figures:
    """Nothing arrives any more; the clock still closes a row of each asset every second."""
    folder = disk.folder()
    with broker(folder) as port:
        one = _Idle(port, folder)
        one.start()
        try:
            load(port, 0, WARM)
            until(lambda: one.done() >= WARM, "the warm-up")
            time.sleep(2.0)
            cpu_s, began = meters.cpu_s(one.pid), time.perf_counter()
            time.sleep(size.idle_s)
            percent = (meters.cpu_s(one.pid) - cpu_s) / (time.perf_counter() - began) * 100
            memory = _memory(one)
        finally:
            one.stop()
    return memory | {"percent": percent, "start_s": one.start_s}


def calls(disk: Disk, size: Size) -> Figures:
    """What asking the worker costs, beside the bare runtime."""
    return worker_calls.figures(disk.folder(), size.calls)


def page(disk: Disk, _size: Size) -> Figures:
    """The page beside the daemon."""
    return living.page(disk)


def commands(disk: Disk, size: Size) -> Figures:
    """What people type."""
    return living.commands(disk, 1 + size.calls // 200)


CASES: Mapping[str, Callable[[Disk, Size], Figures]] = {
    "mosquitto_sub": mosquitto_sub,
    "bare_paho": bare_paho,
    "naive": naive,
    "sparse": sparse,
    "daemon": daemon,
    "verdicts": verdicts,
    "sync": sync,
    "rule": rule,
    "model": model,
    "steady": steady,
    "idle": idle,
    "calls": calls,
    "page": page,
    "commands": commands,
}
