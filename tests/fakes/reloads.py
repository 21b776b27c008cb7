"""A running daemon whose model packages are exchanged for damaged ones, while readings come in.

Many at a time: a file with ``SLOTS`` models is reloaded with as many damaged packages. What its
manifest refuses makes the whole file refused, with a line for each; without those the file is
loaded, and every other package must come out of it refused with its reason, or running.
"""

import hashlib
import re
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from gateway.errors import PackageError
from gateway.models.archive import opened
from gateway.models.files import MODEL
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee, device, numeric
from tests.models.hostile import Case, cases

DEADLINE_S = 120.0
SLOTS = 50
PROBE = device(1, "probe", numeric("temperature"))
_PLACE = re.compile(r"gateway\.yaml:(\d+):\d+: \S")


def reload_each(good: Path, folder: Path, count: int, seed: int) -> Counter[str]:
    """Let one daemon load ``count`` damaged packages, with one reading for each.

    Raises:
        AssertionError: the daemon ended, a reading was not stored, or a package was neither refused
            with words nor loaded with its hash intact.
    """
    broker = Mosquitto(folder).start()
    place = folder / "daemon"
    place.mkdir()
    (folder / "cases").mkdir()
    ends: Counter[str] = Counter()
    try:
        with Daemon(place, _text(broker.port, ())) as daemon, Zigbee(broker.port, PROBE) as zigbee:
            zigbee.introduce()
            zigbee.online()
            source = cases(good, folder / "cases", count, seed)
            told = 0
            while some := list(islice(source, SLOTS)):
                for _ in some:
                    zigbee.tell("probe", temperature=told)
                    told += 1
                for case, end in zip(some, _round(daemon, broker.port, some), strict=True):
                    ends[end] += 1
                    ends[f"{case.kind}: {end}"] += 1
            wait_until(lambda: len(daemon.values("temperature")) >= count, "stored", DEADLINE_S)
            assert daemon.process.poll() is None
            assert sorted(set(daemon.values("temperature"))) == [float(n) for n in range(count)]
            ends["readings stored"] = len(set(daemon.values("temperature")))
            ends["workers lost"] = len(daemon.logged("worker_lost"))
            ends["workers lost"] += len(daemon.logged("worker_start_failed"))
            return ends
    finally:
        broker.kill()


def _text(port: int, cases: Sequence[Case | None]) -> str:
    """One model per case, each on a line of its own; what is None is left out."""
    lines = [
        f"  wear{at}: {{package: {case.path}}}\n"
        for at, case in enumerate(cases)
        if case is not None
    ]
    models = "models:\n" + "".join(lines) if lines else ""
    return pump(port, ("level: debug", "level: info")) + models


def _round(daemon: Daemon, port: int, some: Sequence[Case]) -> list[str]:
    """What became of each."""
    rejected = len(daemon.logged("configuration_rejected"))
    ends = [""] * len(some)
    _reload(daemon, _text(port, some))
    for line in daemon.logged("configuration_rejected")[rejected:]:
        for at in _named(line["error"], daemon.file.read_text()):
            ends[at] = "refused by the file's check"
    left = [None if end else case for case, end in zip(some, ends, strict=True)]
    before = {name: len(daemon.logged(name)) for name in ("model_refused", "model_loaded")}
    if any(ends):
        _reload(daemon, _text(port, left))

    def settled() -> bool:
        assert daemon.process.poll() is None, daemon.text[-4000:]
        for name, start in before.items():
            for line in daemon.logged(name)[start:]:
                at = int(line["model"].removeprefix("wear").split("@")[0])
                ends[at] = ends[at] or _end(name, line, some[at])
        return all(ends)

    wait_until(settled, "every package is refused or loaded", DEADLINE_S)
    for case in some:
        shutil.rmtree(case.path) if case.path.is_dir() else case.path.unlink()
    return ends


def _end(name: str, line: dict[str, str], case: Case) -> str:
    if name == "model_refused":
        assert line["error"], case
        killed = "killed the worker" in line["error"]
        return "ended the worker" if killed else "refused by check or worker"
    try:
        content = opened(case.path).read(MODEL)
    except PackageError as error:
        raise AssertionError(f"{case} runs, and cannot be read: {error}") from error
    assert line["sha256"] == hashlib.sha256(content).hexdigest(), case
    return "runs with its hash"


def _named(error: str, text: str) -> set[int]:
    """The models whose lines a refusal names."""
    lines = text.splitlines()
    told = {lines[int(number) - 1].strip() for number in _PLACE.findall(error)}
    assert all(line.startswith("wear") for line in told), error
    return {int(line.removeprefix("wear").split(":")[0]) for line in told}


def _told(daemon: Daemon) -> int:
    """Reloads whose outcome is in the log."""
    return sum(len(daemon.logged(f"configuration_{how}")) for how in ("loaded", "rejected"))


def _reload(daemon: Daemon, text: str) -> None:
    daemon.file.write_text(text)
    before = daemon.notices.count("READY=1"), _told(daemon)
    daemon.signal(signal.SIGHUP)

    def done() -> bool:
        after = daemon.notices.count("READY=1"), _told(daemon)  # the log comes on another way
        return daemon.process.poll() is not None or all(
            a > b for a, b in zip(after, before, strict=True)
        )

    wait_until(done, "reloaded", DEADLINE_S)
    assert daemon.process.poll() is None, daemon.text[-4000:]
