"""What the store's tests store."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gateway.core import paths
from gateway.core.commands import Command, State
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report, Value
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.store.batch import Batch, StoredReport
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store

NOW_MS = 1_790_000_000_000
BOOT = "boot-1"
NAMES = ("power", "voltage", "current", "temperature", "energy", "vibration", "linkquality")
VALUES = (1234.5, 230.1, 0.312, 42.25, 12345.67, 21.5, 87.0)


def metric(name: str, *, device: str = "plug", asset: str = "pump-7", unit: str = "W") -> Metric:
    return Metric(name, "zigbee", device, paths.Path.parse(name), asset, unit)


METRICS = tuple(metric(name) for name in NAMES)


def report(
    n: int,
    values: Iterable[Value] = VALUES,
    *,
    metrics: tuple[Metric, ...] = METRICS,
    at_ms: int | None = None,
    mono_ms: int | None = None,
    reasons: Iterable[Reason] | None = None,
    **more: object,
) -> Report:
    values = tuple(values)
    readings = tuple(map(Reading, metrics, values, reasons or (Reason.OK,) * len(values)))
    at = NOW_MS + n if at_ms is None else at_ms
    mono = 1_000 + n if mono_ms is None else mono_ms
    return Report("zigbee", "plug", Readings.of(readings), at, at, mono, **more)  # type: ignore[arg-type]


def stored(n: int, key: int | None = None, **more: object) -> StoredReport:
    clock_ok = bool(more.pop("clock_ok", True))
    return StoredReport(report(n, **more), n if key is None else key, clock_ok)  # type: ignore[arg-type]


def reports(first: int, last: int, **more: object) -> Batch:
    return Batch(reports=[stored(n, **more) for n in range(first, last)])


def verdict(n: int = 0, **more: object) -> Verdict:
    made = Verdict(
        "pump-7", NOW_MS + n, 1_000 + n, "model:pump", "alarm", 0.9, 0.5, "1.2", "ab" * 32,
        {"power": 1.5, "running": True}, {}, 0.8,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def decision(n: int = 0) -> Decision:
    return Decision(
        f"d{n:06}",
        "pump-7",
        "pump-7/policy/0",
        "raised",
        Mode.ACT,
        "stop",
        verdict(n),
        "",
        "3 of 5",
    )


def order(n: int = 0, state: State = State.STORED) -> Command:
    return Command(
        f"c{n:06}", f"d{n:06}", "pump-7", "stop", "zigbee", "plug", {"state": "OFF"},
        NOW_MS + n, NOW_MS + n + 10_000, 1_000 + n, 11_000 + n, 12_000, BOOT, state=state,
    )  # fmt: skip


def settings(folder: Path, **more: object) -> StoreSettings:
    plain = StoreSettings(
        path=folder / "gateway.db", min_free_bytes=0, max_bytes=64 << 20, ballast_bytes=0
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def open_store(given: StoreSettings, *, boot: str = BOOT, mono_ms: int = 1_000) -> Store:
    return Store.open(given, boot=boot, now_ms=NOW_MS, mono_ms=mono_ms)


def crash(store: Store) -> None:
    """End without a clean stop, as far as one process can."""
    import os

    store._connection.close()
    os.close(store._lock)
