"""A history, written by the real store at the speed of the processor."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway import config
from gateway.core import paths
from gateway.core.commands import Command, State
from gateway.core.messages import Reason
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.verdicts import Decision
from gateway.store.batch import Batch, StoredReport
from gateway.store.writer import Store

BEGAN_MS = 1_795_000_000_000
"""When histories begin: November 2026."""
BATCH = 500


class Recording:
    """A store that a daemon with this file could have written."""

    def __init__(self, file: Path, boot: str = "boot-1", *, at_s: float = 0.0) -> None:
        """``at_s``: when the boot began, from the beginning of the history."""
        settings = config.load(file)
        self._metrics = {
            (asset.id, name): metric
            for asset in settings.assets.values()
            for name, metric in asset.metrics.items()
        }
        self._began_s = at_s
        now_ms = self._at_ms(at_s)
        self.store = Store.open(settings.store, boot=boot, now_ms=now_ms, mono_ms=1_000)
        self._batch = Batch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.flush()
        self.store.close()

    def tell(
        self,
        at_s: float,
        asset: str = "pump",
        reason: Reason = Reason.OK,
        *,
        ahead_s: float = 0.0,
        **values: float,
    ) -> None:
        """One report of one asset; the wall clock may be ahead of the monotonic one."""
        self._store([self._metrics[asset, name] for name in values], values, at_s, reason, ahead_s)

    def tell_raw(self, at_s: float, source: str, device: str, **values: float) -> None:
        """One report that no asset maps, as ``keep: all`` stores it."""
        metrics = [Metric(name, source, device, paths.Path.parse(name)) for name in values]
        self._store(metrics, values, at_s, Reason.OK, 0.0)

    def _store(
        self,
        metrics: list[Metric],
        values: dict[str, float],
        at_s: float,
        reason: Reason,
        ahead_s: float,
    ) -> None:
        readings = tuple(
            Reading(metric, value, reason)
            for metric, value in zip(metrics, values.values(), strict=True)
        )
        at_ms = self._at_ms(at_s + ahead_s)
        mono_ms = 1_000 + round((at_s - self._began_s) * 1000)
        report = Report(
            metrics[0].source, metrics[0].device, Readings.of(readings), at_ms, at_ms, mono_ms
        )
        self._batch.reports.append(StoredReport(report))
        if len(self._batch.reports) >= BATCH:
            self.flush()

    def decided(self, decisions: Iterable[Decision]) -> None:
        """What was decided."""
        self._batch.decisions += decisions

    def sent(self, at_s: float) -> None:
        """The pump was told to stop."""
        at_ms = self._at_ms(at_s)
        times = (at_ms, at_ms + 10_000, 1_000, 11_000, 12_000)
        order = Command("c1", "d1", "pump", "stop", "zigbee", "plug", {"state": "OFF"}, *times, "b")
        self._batch.commands.append(
            replace(order, state=State.CONFIRMED, sent_at_ms=at_ms, sent_mono_ms=1_000)
        )

    def flush(self) -> None:
        """Commit."""
        if self._batch:
            self.store.commit(self._batch)
        self._batch = Batch()

    @staticmethod
    def _at_ms(at_s: float) -> int:
        return BEGAN_MS + round(at_s * 1000)
