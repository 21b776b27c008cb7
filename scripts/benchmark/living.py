"""What living with it costs: the page beside the daemon, what a page weighs, and the commands."""

import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from scripts.benchmark import meters, site
from scripts.benchmark.receivers import Daemon
from scripts.benchmark.rig import ROOT, Disk, broker, load, until
from tests.fakes.ports import free_port

SETTLED = 2_048
"""Messages after which memory is looked at."""
LINES = 1_000
FIRST = ("/", "/static/page.css", "/static/icon.svg", "/api/me", "/api/assets")
MODULES = ("main", "api", "dom", "assets")
"""What is loaded before anything is seen."""


class _Plain(Daemon):
    kind = "idle"


class _Paged(_Plain):
    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(port, folder)
        self.web = free_port()


def page(disk: Disk) -> dict[str, float]:
    """Memory without and with the page, of its process and of the worker; what it weighs."""
    found = {"without_mb": _memory(disk, _Plain)["daemon_mb"]}
    told = _memory(disk, _Paged)
    return found | told | {"more_mb": told["daemon_mb"] - found["without_mb"]}


def _memory(disk: Disk, kind: type[Daemon]) -> dict[str, float]:
    folder = disk.folder()
    with broker(folder) as port:
        one = kind(port, folder)
        one.start()
        try:
            load(port, 0, SETTLED)
            until(lambda: one.done() >= SETTLED, "the messages")
            told = _weight(one.web) if one.web else {}
            time.sleep(1.0)
            return told | _resident(one)
        finally:
            one.stop()


def _resident(one: Daemon) -> dict[str, float]:
    found = {"daemon_mb": meters.resident_mb(one.pid)}
    for name, module in (("worker_mb", "gateway.models.worker"), ("page_mb", "gateway.web")):
        if child := meters.child(one.pid, module):
            found[name] = meters.resident_mb(child)
    return found


def _weight(web: int) -> dict[str, float]:
    """Bytes of the first view of sixteen assets, and of every file of the page."""
    base = f"http://127.0.0.1:{web}"
    until(lambda: _answers(f"{base}/healthz"), "the page")
    first = [*FIRST, *(f"/static/{name}.js" for name in MODULES)]
    static = ROOT / "gateway/web/static"
    files = [one for one in static.rglob("*.*") if one.is_file() and one.name != "LICENSE"]
    return {
        "first_kb": sum(_bytes(base + path) for path in first) / 1000,
        "all_kb": sum(one.stat().st_size for one in files) / 1000,
    }


def _bytes(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return len(answer.read())


def _answers(url: str) -> bool:
    try:
        return _bytes(url) > 0
    except OSError:
        return False


def commands(disk: Disk, tries: int) -> dict[str, float]:
    """Seconds until a command has answered: the least, a file of 1,000 lines, a running gateway."""
    folder = disk.folder()
    with broker(folder) as port:
        file = site.long(disk.folder(), port, LINES)
        one = _Plain(port, folder)
        one.start()
        try:
            load(port, 0, SETTLED)
            status = ("status", "--config", str(folder / "gateway.yaml"))
            return {
                "version_s": _seconds(tries, "--version"),
                "check_s": _seconds(tries, "check", str(file)),
                "status_s": _seconds(tries, *status),
            }
        finally:
            one.stop()


def _seconds(tries: int, *words: str) -> float:
    return statistics.median(_timed(words) for _ in range(tries))


def _timed(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], cwd=ROOT, capture_output=True, check=False
    )
    taken = time.perf_counter() - began
    if done.returncode not in (0, 1):  # 1: status of a gateway with a problem
        sys.exit(f"{words}: {done.returncode}: {done.stderr.decode()}")
    return taken
