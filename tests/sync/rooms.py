"""Databases that something is cut from, and cutting them."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.core import paths
from gateway.core.batches import Lane
from gateway.core.choices import Choice, Kind
from gateway.core.messages import Reason
from gateway.core.pseudonyms import Pseudonyms
from gateway.core.readings import Metric, Reading, Readings, Report, Value
from gateway.store.batch import StoredReport
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store
from gateway.sync.cutter import Cutter

NOW_MS = 1_790_000_040_000
"""The start of a minute."""
BOOT = "boot-1"
NAMES = Pseudonyms(b"k" * 32)


def metric(name: str, *, device: str = "plug", asset: str = "pump-7", unit: str = "W") -> Metric:
    return Metric(name, "zigbee", device, paths.Path.parse(name), asset, unit)


POWER, RUNNING, WORD = metric("power"), metric("running", unit=""), metric("word", unit="")
OTHER = metric("power", device="fan", asset="fan-1")


def stored(
    after_ms: int,
    *readings: tuple[Metric, Value] | tuple[Metric, Value, Reason],
    at_ms: int | None = None,
    clock_ok: bool = True,
) -> StoredReport:
    """A report that came in so long after ``NOW_MS``."""
    received = NOW_MS + after_ms
    told = tuple(Reading(*one) for one in readings or ((POWER, float(after_ms)),))
    at = received if at_ms is None else at_ms
    device = told[0].metric.device
    report = Report("zigbee", device, Readings.of(told), at, received, 1_000 + after_ms)
    return StoredReport(report, 0, clock_ok)


@cache
def _empty() -> bytes:
    """A database as it is when nothing happened yet: migrating one takes longer than copying it."""
    with TemporaryDirectory() as folder:
        settings = StoreSettings(Path(folder) / "gateway.db", min_free_bytes=0, ballast_bytes=0)
        Store.open(settings, boot=BOOT, now_ms=NOW_MS, mono_ms=1_000).close()
        return settings.path.read_bytes()


def open_store(folder: Path, boot: str = BOOT, **more: Any) -> Store:
    if not (folder / "gateway.db").exists():
        (folder / "gateway.db").write_bytes(_empty())
    plain = {"path": folder / "gateway.db", "min_free_bytes": 0, "ballast_bytes": 0}
    return Store.open(
        StoreSettings(**(plain | {"max_bytes": 64 << 20} | more)),
        boot=boot,
        now_ms=NOW_MS,
        mono_ms=1_000,
    )


def choice(*kinds: Kind, **more: Any) -> Choice:
    named = {name: frozenset(more.pop(name, ())) for name in ("assets", "metrics")}
    return Choice(frozenset(kinds), **named, **more)


def cutter(store: Store, chosen: Choice, lane: Lane = Lane.LIVE) -> Cutter:
    path = store._settings.path
    return Cutter(path, chosen, lane, NAMES if chosen.pseudonyms else None)


def everything(
    found: Cutter, sizes: Iterable[int] = (), position: str = "", until: str = ""
) -> tuple[list[Any], str]:
    """All rows, cut in pages of these sizes, and where that ends."""
    rows: list[Any] = []
    for size in (*sizes, *([5_000] * 1_000)):
        cut = found.cut(position, size, until)
        rows += cut.rows
        if not cut.more and cut.position == position:
            return rows, position
        position = cut.position
    raise AssertionError("it never ends")
