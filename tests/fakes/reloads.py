"""A running daemon whose model package is exchanged for damaged ones, while readings come in."""

import shutil
import signal
from collections import Counter
from pathlib import Path

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee, device, numeric
from tests.models.hostile import Case, cases

DEADLINE_S = 60.0
PROBE = device(1, "probe", numeric("temperature"))


def reload_each(good: Path, folder: Path, count: int, seed: int) -> Counter[str]:
    """Let one daemon reload ``count`` damaged packages, with one reading for each.

    Raises:
        AssertionError: the daemon ended, or a reading was not stored.
    """
    broker = Mosquitto(folder).start()
    place = folder / "daemon"
    place.mkdir()
    text = pump(
        broker.port,
        ("assets:", "models: {wear: {package: package.tar}}\nassets:"),
        ("level: debug", "level: info"),
    )
    (folder / "cases").mkdir()
    try:
        whole = next(cases(good, folder / "cases", 0, seed), None)
        assert whole is None
        _pack_good(good, place / "package.tar")
        with Daemon(place, text) as daemon, Zigbee(broker.port, PROBE) as zigbee:
            zigbee.introduce()
            wait_until(lambda: daemon.logged("worker_started"), "the good package runs")
            for number, case in enumerate(cases(good, folder / "cases", count, seed)):
                _exchange(case, place / "package.tar")
                zigbee.tell("probe", temperature=number)
                _reload(daemon)
            wait_until(lambda: len(daemon.values("temperature")) >= count, "stored", DEADLINE_S)
            assert daemon.process.poll() is None
            assert sorted(set(daemon.values("temperature"))) == [float(n) for n in range(count)]
            return Counter({name: len(daemon.logged(name)) for name in EVENTS})
    finally:
        broker.kill()


EVENTS = (
    "configuration_loaded",
    "configuration_rejected",
    "model_refused",
    "worker_started",
    "worker_lost",
)


def _pack_good(good: Path, out: Path) -> None:
    from gateway.models.archive import pack

    pack({file.name: file.read_bytes() for file in good.iterdir()}, out)


def _exchange(case: Case, place: Path) -> None:
    """The package is where the file says it is; a folder under a name like that is one, too."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    case.path.rename(place)


def _reload(daemon: Daemon) -> None:
    before = daemon.notices.count("READY=1")
    daemon.signal(signal.SIGHUP)
    wait_until(
        lambda: daemon.notices.count("READY=1") > before or daemon.process.poll() is not None,
        "reloaded",
        DEADLINE_S,
    )
    assert daemon.process.poll() is None, daemon.text[-4000:]
