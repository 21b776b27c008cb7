"""Figures: what Prometheus is told, gathered from what every part knows anyway.

Nothing is asked of the store or of another process: it is what they said last.
"""

import os
import resource
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.adapters.processes import resident_bytes
from gateway.core.topic_tree import Document
from gateway.daemon.bulletin import UNHEARD
from gateway.daemon.clock import Clock
from gateway.daemon.tally import Tally
from gateway.daemon.wiring import Wiring

SPAN_MS: Final = 3_600_000
"""Over which the store's growth is looked at."""
LOOK_MS: Final = 60_000
ENOUGH_MS: Final = 600_000
OUTCOMES: Final = ("sent", "refused", "skipped", "lost")
_FILES: Final = Path("/proc/self/fd")

Samples = list[list[Any]]
Figures = dict[str, Samples]


class Gatherer:
    """Looks at every part; changes none."""

    def __init__(self, parts: Wiring, tally: Tally, clock: Clock) -> None:
        """``tally`` hears what is announced."""
        self._parts = parts
        self._tally = tally
        self._clock = clock
        self._started_s = clock.now_ms() / 1000
        self._grown: deque[tuple[int, int]] = deque()

    def look(self, late_s: float) -> Figures:
        """Everything of now; ``late_s``: how late the loop was."""
        found = self._gateway(late_s) | self._heard() | self._stored() | self._judged()
        found |= self._assets() | self._models() | self._clouds() | self._record()
        return {name: samples for name, samples in found.items() if samples}

    def _gateway(self, late_s: float) -> Figures:
        health, used = self._parts.beat.health, resource.getrusage(resource.RUSAGE_SELF)
        settings, problems = health.site.settings, health.problems()
        stop = self._parts.standing.stop(self._clock.mono_ms())
        resident = {"daemon": resident_bytes(os.getpid())}
        if self._parts.inference.state != "off":
            resident["worker"] = self._parts.inference.rss_bytes
        for name, part in (("sync", self._parts.sync), ("page", self._parts.page)):
            resident |= {name: part.lives.rss_bytes} if part.lives.state != "off" else {}
        return {
            "info": [[settings.gateway_id, __version__, 1]],
            "start_time_seconds": [[self._started_s]],
            "degraded": [[bool(problems)]],
            "problems": [[len(problems)]],
            "clock_synchronised": [[self._parts.ingest.clock_ok]],
            "stopped": [[stop is not None]],
            "cpu_seconds_total": [[used.ru_utime + used.ru_stime]],
            "resident_memory_bytes": _rows(resident),
            "open_files": [[sum(1 for _ in _FILES.iterdir())]],
            "loop_late_seconds": [[late_s]],
            "log_events_total": _rows(self._tally.levels),
        }

    def _heard(self) -> Figures:
        links, feeds = self._parts.links.by_name, self._parts.reload.site.feeds
        now_ms = self._clock.mono_ms()
        counters = {name: link.client.counters for name, link in links.items()}
        lasts = {name: feed.rhythm.last_mono_ms for name, feed in feeds.items()}
        return {
            "broker_connected": [[name, link.connected] for name, link in links.items()],
            "broker_events_total": [
                [name, event, n] for name, counts in counters.items() for event, n in counts.items()
            ],
            "source_messages_total": [[name, feed.messages] for name, feed in feeds.items()],
            "source_readings_total": [[name, feed.readings] for name, feed in feeds.items()],
            "source_rejects_total": [[name, feed.rejects] for name, feed in feeds.items()],
            "source_silent": [[name, feed.rhythm.silent] for name, feed in feeds.items()],
            "source_age_seconds": [
                [name, (now_ms - last) / 1000] for name, last in lasts.items() if last is not None
            ],
            "bridge_online": [
                [name, feed.bridge_online]
                for name, feed in feeds.items()
                if feed.bridge_online is not None
            ],
            "devices_offline": [[name, len(feed.offline)] for name, feed in feeds.items()],
            "devices_quarantined": [[len(self._parts.guard.ward.documents())]],
        }

    def _stored(self) -> Figures:
        journal, limits = self._parts.journal, self._parts.reload.site.settings.store
        store, counters = self._parts.beat.upkeep.known
        waiting = {
            "store": len(journal.batch.reports) + len(journal.volatile),
            "judge": len(self._parts.decide.due),
            "publish": len(self._parts.outbox.queue),
        }
        found: Figures = {
            "commits_total": [[journal.commits]],
            "store_max_bytes": [[limits.max_bytes]],
            "store_refuses": [[bool(journal.trouble)]],
            "queue_length": _rows(waiting),
        }
        if store.state == "unknown":
            return found
        room = min(limits.max_bytes - store.bytes, store.free_disk_bytes - limits.min_free_bytes)
        full_s = self._full_s(store.bytes, room)
        return found | {
            "store_bytes": [[store.bytes]],
            "disk_free_bytes": [[store.free_disk_bytes]],
            "store_rows": _rows(store.rows),
            "store_full_seconds": [] if full_s is None else [[full_s]],
            "counted_total": [[scope, reason, n] for (scope, reason), n in counters.items()],
        }

    def _full_s(self, size: int, room: int) -> float | None:
        """How long ``room`` bytes last at the pace of the last hour; None: for ever, or unknown."""
        now_ms, grown = self._clock.mono_ms(), self._grown
        if not grown or now_ms - grown[-1][0] >= LOOK_MS:
            grown.append((now_ms, size))
        while now_ms - grown[0][0] > SPAN_MS:
            grown.popleft()
        took_ms, more = now_ms - grown[0][0], size - grown[0][1]
        if took_ms < ENOUGH_MS or more <= 0:
            return None
        return max(0.0, room / more * took_ms / 1000)

    def _judged(self) -> Figures:
        tally, verdicts = self._tally, self._parts.decide.maintenance.verdicts
        return {
            "rounds_total": [[self._parts.decide.judged]],
            "verdicts_total": [[*key, n] for key, n in verdicts.items()],
            "decisions_total": _rows(tally.decisions),
            "commands_total": _rows(tally.commands),
            "events_total": _rows(tally.events),
        }

    def _assets(self) -> Figures:
        watches, mono_ms = self._parts.reload.site.watches, self._clock.mono_ms()
        scores = {
            id_: watch.verdict.score
            for id_, watch in watches.items()
            if watch.verdict is not None and watch.verdict.score is not None
        }
        fresh = {
            id_: any(
                watch.latest.quality(name, mono_ms)[1] not in UNHEARD
                for name in watch.asset.metrics
            )
            for id_, watch in watches.items()
        }
        raised = {id_: bool(watch.policy.alerts()) for id_, watch in watches.items()}
        return {
            "asset_score": _rows(scores),
            "asset_alert": _rows(raised),
            "asset_fresh": _rows(fresh),
        }

    def _models(self) -> Figures:
        inference, rates = self._parts.inference, self._parts.decide.maintenance.abstentions.rates()
        found: Figures = {
            "model_abstained_ratio": [[name, one["abstained"]] for name, one in rates.items()],
            "cloud_questions_total": [
                [name, outcome, n]
                for name, cloud in self._parts.clouds.by_name.items()
                for outcome, n in cloud.counts.items()
            ],
        }
        if inference.state == "off":
            return found
        return found | {
            "worker_running": [[inference.state == "running"]],
            "worker_restarts_total": [[inference.restarts]],
            "inference_seconds": [[self._tally.took, self._tally.took_s]],
        }

    def _clouds(self) -> Figures:
        sync = self._parts.sync
        if sync.lives.state == "off":
            return {}
        sinks: Mapping[str, Any] = sync.lanes.documents()
        lanes = [(name, lane, told) for name, one in sinks.items()
                 for lane, told in one["lanes"].items()]  # fmt: skip
        return {
            "sync_running": [[sync.lives.state == "running"]],
            "sync_restarts_total": [[sync.lives.restarts]],
            "sync_connected": [[*names, told["connected"]] for *names, told in lanes],
            "sync_left_rows": [
                [*names, told["left"]] for *names, told in lanes if told["left"] is not None
            ],
            "sync_rows_total": [
                [*names, outcome, told[outcome]] for *names, told in lanes for outcome in OUTCOMES
            ],
            "sync_sent_today_bytes": [[name, one["bytes_today"]] for name, one in sinks.items()],
        }

    def _record(self) -> Figures:
        audit, page = self._parts.audit.document(), self._parts.page.document()
        seq, signed = int(str(audit["seq"])), int(str(audit["checkpoint"] or 0))
        return {
            "audit_records": [[seq]],
            "audit_unsigned_records": [[max(0, seq - signed)]],
            "page_restarts_total": [[page["restarts"]]] if page else [],
            "page_clients": [[page["clients"]]] if "clients" in page else [],
        }


def _rows(told: Mapping[str, Any] | Document) -> Samples:
    return [[key, value] for key, value in told.items()]
